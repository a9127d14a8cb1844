"""off2on: offline-to-online RL via balanced replay and pessimistic Q-ensemble, as a benchmark harness."""

from types import ModuleType

from wrapt import when_imported

__version__ = "0.1.0"


@when_imported("gymnasium")
def _register(_gymnasium: ModuleType) -> None:
    """Its tasks are known once both packages are imported; planning and figures import no Gymnasium."""
    from off2on.envs.opengl import choose_backend
    from off2on.envs.registration import register_all

    # before an environment imports MuJoCo, which looks for OpenGL once
    choose_backend()
    register_all()
