"""YAML from outside: a text that may be anything becomes plain values or one message."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from off2on.errors import Off2OnError, shown
from off2on.files import read_text

#: bytes of a file; values that it stands for once its aliases are written out; levels of nesting
_LARGEST, _MOST, _DEEPEST = 1_000_000, 20_000, 40


class _Loader(yaml.SafeLoader):
    """Refuses duplicate keys, of which YAML would silently take the last; reads 3e-4 as a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        merge = "tag:yaml.org,2002:merge"
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != merge]
        twice = sorted(str(key) for key, count in Counter(map(str, keys)).items() if count > 1)
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"duplicate keys: {', '.join(twice)}", node.start_mark
            )
        return super().construct_mapping(node, deep)


# 010 and 1:30 are texts here, not the 8 and the 90 of YAML 1.1
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:int"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """The value of a YAML file.

    Raises:
        Off2OnError: it cannot be read, or `parse_yaml` refuses it.
    """
    return parse_yaml(read_text(path, largest=_LARGEST), str(path))


def parse_yaml(text: str, where: str) -> Any:
    """The value of a YAML text.

    Raises:
        Off2OnError: it is not YAML, has duplicate keys, or stands for too many or too deeply nested values; the
            message begins with `where`.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {}, 0)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise Off2OnError(f"{where}: not readable as YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise Off2OnError(f"{where}: not readable as YAML: nested too deeply") from None
    except (ValueError, TypeError, OverflowError, LookupError, AttributeError) as error:
        raise Off2OnError(f"{where}: not readable as YAML: {shown(str(error))}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _measure(node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
    """How many values a node stands for, aliases written out."""
    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} levels of nesting")
    if id(node) not in sizes:
        # an alias to a node around it meets this
        sizes[id(node)] = _MOST
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        pairs = isinstance(node, yaml.MappingNode)
        children = [child for entry in inner for child in (entry if pairs else (entry,))]
        sizes[id(node)] = 1 + sum(_measure(child, sizes, depth + 1) for child in children)
    if sizes[id(node)] > _MOST:
        raise ValueError(f"it stands for more than {_MOST} values")
    return sizes[id(node)]
