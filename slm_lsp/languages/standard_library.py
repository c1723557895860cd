"""Names of standard libraries, and the import that each name needs."""

import re
import sys

_PYTHON_NAMES = {
    "abc": "ABC abstractmethod",
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "contextlib": "contextmanager suppress",
    "copy": "copy deepcopy",
    "dataclasses": "asdict dataclass field",
    "datetime": "datetime timedelta timezone",
    "decimal": "Decimal",
    "enum": "Enum IntEnum StrEnum",
    "fractions": "Fraction",
    "functools": "cache cached_property lru_cache partial reduce total_ordering wraps",
    "glob": "glob",
    "io": "BytesIO StringIO",
    "itertools": "accumulate chain combinations groupby islice pairwise permutations product zip_longest",
    "pathlib": "Path PurePath PurePosixPath",
    "pprint": "pprint",
    "random": "randint shuffle",
    "textwrap": "dedent",
    "time": "sleep",
    "types": "SimpleNamespace",
    "typing": "Any Callable ClassVar Dict Generic List Literal NamedTuple Optional Protocol Tuple TypeVar Union cast",
}
"""Names of Python's standard library by their module. Names that several modules define are omitted."""

PYTHON_NAMES = {name: module for module, names in _PYTHON_NAMES.items() for name in names.split()}

_GO_PATHS = (
    "archive/tar archive/zip bufio bytes compress/gzip container/heap container/list context crypto/md5 crypto/sha1"
    " crypto/sha256 database/sql encoding/base64 encoding/binary encoding/csv encoding/hex encoding/json encoding/xml"
    " errors flag fmt io io/fs log log/slog maps math math/big math/bits net net/http net/url os os/exec os/signal"
    " path path/filepath reflect regexp runtime slices sort strconv strings sync sync/atomic syscall testing time"
    " unicode unicode/utf8"
)
GO_PACKAGES = {each.rpartition("/")[2]: each for each in _GO_PATHS.split()}
"""Packages of Go's standard library by their name. Names of several packages (`rand`, `template`) are omitted."""

_JAVA_CLASSES = {
    "java.io": "BufferedReader BufferedWriter File FileReader FileWriter IOException InputStream InputStreamReader"
    " OutputStream PrintStream PrintWriter Serializable StringReader StringWriter UncheckedIOException",
    "java.math": "BigDecimal BigInteger RoundingMode",
    "java.nio.charset": "StandardCharsets",
    "java.nio.file": "Files Path Paths",
    "java.time": "Clock Duration Instant LocalDate LocalDateTime LocalTime ZoneId ZonedDateTime",
    "java.util": "ArrayDeque ArrayList Arrays BitSet Collection Collections Comparator Deque EnumMap EnumSet HashMap"
    " HashSet Iterator LinkedHashMap LinkedHashSet LinkedList List Locale Map NoSuchElementException Objects Optional"
    " OptionalDouble OptionalInt PriorityQueue Properties Queue Random Scanner Set SortedMap Stack StringJoiner TreeMap"
    " TreeSet UUID Vector",
    "java.util.concurrent": "Callable CompletableFuture ConcurrentHashMap CountDownLatch ExecutorService Executors"
    " Future TimeUnit",
    "java.util.concurrent.atomic": "AtomicBoolean AtomicInteger AtomicLong AtomicReference",
    "java.util.function": "BiConsumer BiFunction BinaryOperator Consumer Function IntFunction Predicate Supplier"
    " UnaryOperator",
    "java.util.regex": "Matcher Pattern",
    "java.util.stream": "Collectors IntStream Stream",
}
JAVA_CLASSES = {name: package for package, names in _JAVA_CLASSES.items() for name in names.split()}


def standard_imports(language: str, name: str, text: str) -> list[tuple[str, str]]:
    """Return the imports from the standard library that define a name, the likeliest first.

    Each import is a module and a name in it; the second is empty if the name is that of the module itself. Names that
    several modules define are not known, except `datetime`, which the use of the name decides.

    Args:
        language: name of the language: `python`, `go` or `java`.
        name: the undefined name.
        text: the code that uses the name.
    """
    if language == "go":
        return [(GO_PACKAGES[name], "")] if name in GO_PACKAGES else []
    if language == "java":
        return [(JAVA_CLASSES[name], name)] if name in JAVA_CLASSES else []
    return _python(name, text) if language == "python" else []


def _python(name: str, text: str) -> list[tuple[str, str]]:
    as_module = (name, "") if name in sys.stdlib_module_names and re.search(rf"\b{name}\s*\.", text) else None
    as_member = (PYTHON_NAMES[name], name) if name in PYTHON_NAMES else None
    if name == "datetime":
        # `datetime.datetime.now()` uses the module, `datetime.now()` the class of the same name.
        module_first = bool(re.search(r"\bdatetime\.(?:date|datetime|time|timedelta|timezone)\b", text))
    else:
        module_first = not re.search(rf"\b{name}\s*\(", text)
    ordered = (as_module, as_member) if module_first else (as_member, as_module)
    return [each for each in ordered if each]
