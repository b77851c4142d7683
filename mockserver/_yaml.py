"""YAML that remembers its lines, so that a mistake in it can be pointed at."""

from pathlib import Path

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(Exception):
    """A mistake in a YAML file. Reads `file:line: reason`."""

    def __init__(self, path, line: int | None, reason: str):
        self.path, self.line, self.reason = str(path), line, reason
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")


class Lines:
    """Where a mapping or list and each of its items stood in the file."""

    line: int
    lines: dict

    def line_of(self, key) -> int:
        return self.lines.get(key, self.line)


class YamlDict(dict, Lines):
    pass


class YamlList(list, Lines):
    pass


class _LineLoader(_Loader):
    pass


def _mapping(loader, node):
    result = YamlDict()
    result.line, result.lines = node.start_mark.line + 1, {}
    yield result
    own = {id(key_node) for key_node, _ in node.value}  # those that `<<` merges in may be overridden
    seen = set()
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            repeated = key in seen
        except TypeError:
            raise yaml.constructor.ConstructorError(
                None, None, "a key should be plain text", key_node.start_mark
            ) from None
        if repeated:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands here twice", key_node.start_mark
            )
        if id(key_node) in own:
            seen.add(key)
        result[key] = loader.construct_object(value_node, deep=True)
        result.lines[key] = key_node.start_mark.line + 1


def _sequence(loader, node):
    result = YamlList()
    result.line = node.start_mark.line + 1
    result.lines = {number: item.start_mark.line + 1 for number, item in enumerate(node.value)}
    yield result
    result.extend(loader.construct_object(item, deep=True) for item in node.value)


_LineLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
_LineLoader.add_constructor("tag:yaml.org,2002:seq", _sequence)
# Timestamps stay text: they are validated, and answered, as the wire spells them.
_LineLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: node.value)


def load_yaml(path: str | Path):
    """The document in a file, its mappings and lists knowing their lines. Raises YamlError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise YamlError(path, None, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise YamlError(path, None, f"is not UTF-8 text: {error.reason}") from None
    try:
        return yaml.load(text, _LineLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(path, mark.line + 1 if mark else None, f"not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError(path, None, f"not YAML: {error}") from None
