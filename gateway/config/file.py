"""A YAML file as plain data, together with the place of every key and value in it.

Nothing is lost on the way to a message: duplicate keys, which YAML's constructor would let the last one win, are
problems; keys stay text (an operator may be called `no` or `36034`); `${NAME}` takes an environment variable, or a
credential of that name, and stays text as well. All problems are collected, so that one look at the list is enough to
mend the file. A file that would take for ever is refused: one that nests too deep, or whose aliases multiply.
"""

import contextlib
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

KeyPath = tuple[str | int, ...]

_DEPTH = 50  # levels
_PARTS = 200_000  # keys and values, aliases counted as what they stand for
_TAG = "tag:yaml.org,2002:"
_TAGS = {  # each with what it may stand before
    **dict.fromkeys(("null", "bool", "int", "float", "timestamp", "str"), yaml.ScalarNode),
    "seq": yaml.SequenceNode,
    "map": yaml.MappingNode,
}
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_QUOTED = re.compile(r""" (?:'[^'<][^']+'|"[^"]+")""")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


_QUOTE = "put it in quotes"


class Mark(NamedTuple):
    """A place in the file; both counted from 1, as editors do."""

    line: int
    column: int


TOP = Mark(1, 1)


class Problem(NamedTuple):
    """What is wrong, and where."""

    mark: Mark
    path: KeyPath
    message: str


class ConfigError(Exception):
    """A configuration that cannot be used; `str` gives every problem as `FILE:LINE:COLUMN: key.path: message`."""

    def __init__(self, file: Path, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = sorted(problems, key=lambda problem: problem.mark)
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    def _line(self, problem: Problem) -> str:
        where = f"{self.file}:{problem.mark.line}:{problem.mark.column}"
        line = ": ".join(part for part in (where, spell(problem.path), problem.message) if part)
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def spell(path: KeyPath) -> str:
    """Write a path the way people say it: `routes[0].operators[1]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


class _Loader(yaml.SafeLoader):
    """Composes a tree that is not too deep."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.depth == _DEPTH:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)  # type: ignore[arg-type]  # any key may be one
        self.depth -= 1
        return node


_TOO_DEEP = f"nests deeper than {_DEPTH} levels"


class Document:
    """The data of one file, where each part of it stands, and what was wrong with it before anybody looked inside."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.data: object = {}
        self.problems: list[Problem] = []
        self._environ = environ
        self._keys: dict[KeyPath, Mark] = {}
        self._values: dict[KeyPath, Mark] = {(): TOP}
        self._loader = yaml.SafeLoader("")
        self._parts = 0

    def __contains__(self, path: KeyPath) -> bool:
        return path in self._values

    def nearest(self, path: KeyPath) -> KeyPath:
        """The thing at `path` with steps left out that do not exist; at last the whole, `()`."""
        found: KeyPath = ()
        for step in path:
            if (*found, step) in self._values:
                found = (*found, step)
        return found

    def value_mark(self, path: KeyPath) -> Mark:
        """Place of the value at `path`, or of the nearest thing around it that exists."""
        return self._values[self.nearest(path)]

    def key_mark(self, path: KeyPath) -> Mark:
        """Place of the key at `path`; an element of a list has none, so its value's place serves."""
        return self._keys.get(path) or self.value_mark(path)

    def take(self, root: yaml.Node) -> None:
        """Make `data` from a composed tree; raises `yaml.MarkedYAMLError` where aliases make it too large."""
        self.data = self._construct(root, (), ())

    def _construct(self, node: yaml.Node, path: KeyPath, around: tuple[yaml.Node, ...]) -> object:
        self._values[path] = _mark(node)
        self._parts += 1
        if node in around:
            self._complain(node, path, "an alias must not contain itself")
            return None
        if self._parts > _PARTS or len(around) > _DEPTH:
            too_much = f"has more than {_PARTS} parts" if self._parts > _PARTS else _TOO_DEEP
            raise yaml.MarkedYAMLError(problem=f"with its aliases it {too_much}", problem_mark=node.start_mark)
        if _TAGS.get(node.tag.removeprefix(_TAG)) is not type(node):
            self._complain(node, path, f"the tag before it has no use here; {_QUOTE}")
            return None
        around = (*around, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, around)
        if isinstance(node, yaml.SequenceNode):
            return [self._construct(item, (*path, index), around) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, around: tuple[yaml.Node, ...]) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._complain(key, path, "a key must be a plain word")
                continue
            below = (*path, key.value)
            if not self._writable(key.value, key, below):
                continue
            if key.value in result:
                self._complain(key, below, f"duplicate key, first used in line {self._keys[below].line}")
                continue
            self._keys[below] = _mark(key)
            result[key.value] = self._construct(value, below, around)
        return result

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        text = _VARIABLE.sub(lambda match: self._variable(match[1], node, path), node.value)
        if not self._writable(text, node, path):
            return None
        if "${" in node.value:
            return text
        try:
            return self._loader.construct_object(node)
        except ValueError as error:  # a date such as 2026-13-45
            self._complain(node, path, f"{_said(str(error))}; {_QUOTE}")
        except (yaml.YAMLError, LookupError, AttributeError):  # what the value of a wrong !!tag runs into
            self._complain(node, path, f"is not what its tag says; {_QUOTE}")
        return None

    def _writable(self, text: str, node: yaml.Node, path: KeyPath) -> bool:
        found = _UNWRITABLE.search(text)
        if found:
            self._complain(node, path, f"character U+{ord(found[0]):04X} is no part of any setting; leave it out")
        return not found

    def _variable(self, name: str, node: yaml.Node, path: KeyPath) -> str:
        if name not in self._environ:
            self._complain(node, path, f"environment variable {name} is not set, and no credential is called so")
        return self._environ.get(name, "")

    def _complain(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(_mark(node), path, message))


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def variables(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return what `${NAME}` may name: the environment, then the credentials that systemd has put into a folder.

    Each file in `CREDENTIALS_DIRECTORY` is one (systemd.exec(5)); of a folder of credentials that was passed whole the
    files are called `credentials_NAME`. Files that cannot be read are as good as absent.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    found: dict[str, str] = {}
    for path in Path(folder).glob("*") if folder else ():
        with contextlib.suppress(OSError, UnicodeDecodeError):  # a folder, a key in DER: nothing that a name can mean
            found[path.name.removeprefix("credentials_")] = path.read_text(encoding="utf-8").removesuffix("\n")
    return ChainMap(dict(environ), found)


def read(file: Path, environ: Mapping[str, str]) -> Document:
    """Read `file`; an empty one is an empty mapping.

    Raises `ConfigError` when there is no tree to look at: unreadable, not UTF-8, not YAML. Whatever else is wrong
    stands in the document's `problems`.
    """
    text = _text(file)
    try:
        root = yaml.compose(text, Loader=_Loader)
        document = Document(variables(environ))
        if root is not None:
            document.take(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(file, [_syntax(error)]) from error
    except yaml.reader.ReaderError as error:
        message = f"character U+{ord(text[error.position]):04X} is not allowed in YAML"
        raise ConfigError(file, [Problem(_after(text[: error.position]), (), message)]) from error
    return document


def _text(file: Path) -> str:
    try:
        octets = file.read_bytes()
    except OSError as error:
        raise ConfigError(file, [Problem(TOP, (), f"cannot be read: {error.strerror}")]) from error
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = _after(octets[: error.start].decode("utf-8", "replace"))
        message = f"octet 0x{octets[error.start]:02X} is not UTF-8; save the file as UTF-8"
        raise ConfigError(file, [Problem(mark, (), message)]) from error


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Mark(mark.line + 1, mark.column + 1) if mark else TOP
    return Problem(place, (), f"not valid YAML: {_said(error.problem or '')}")


def _said(problem: str) -> str:
    """What somebody says of the file, without the word from it that he says it about: that may be a password."""
    return _QUOTED.sub("", problem)


def _after(text: str) -> Mark:
    return Mark(text.count("\n") + 1, len(text) - text.rfind("\n"))
