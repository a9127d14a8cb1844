"""Figure 7: what the three manipulation tasks look like, to people and to the agent."""

from off2on.figures.pictures import TaskPictures

_PICTURES = TaskPictures(
    "manipulation", "Figure 7", "right of each picture, enlarged: the 48x48 pixels that the agent sees"
)
table, draw, finding, notes = _PICTURES.table, _PICTURES.draw, _PICTURES.finding, _PICTURES.notes
