"""Figure 6: what the three locomotion tasks look like."""

from off2on.figures.pictures import TaskPictures

_PICTURES = TaskPictures(
    "locomotion", "Figure 6", "we have not seen the paper's Figure 6; pictures of the tasks are our reading of it"
)
table, draw, finding, notes = _PICTURES.table, _PICTURES.draw, _PICTURES.finding, _PICTURES.notes
