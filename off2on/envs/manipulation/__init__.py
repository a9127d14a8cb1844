"""Three tasks of a robot arm that sees 48x48 pixels, on MuJoCo [S125]."""

from off2on.envs.opengl import choose_backend

# before any module here imports MuJoCo, which looks for OpenGL once
choose_backend()
