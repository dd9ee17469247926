"""What the house tests go by. This is the file to edit when a module is added."""

from __future__ import annotations

# Rows from the lowest to the highest, names without "outrider.". A module may import only from
# rows below its own. "x/*" is the package x: its modules may import one another. Two names in one
# row know nothing of each other; to let one use the other, give it a row of its own.
# "__init__" is the package itself: what is above it may import what users import.
LAYERS: tuple[tuple[str, ...], ...] = (
    # 0: know nothing of jobs or servers
    ("errors", "clock", "ids", "version", "chance"),
    ("backoff", "config", "cursor", "pace", "words"),
    ("logs",),
    # 1: names, payloads and options, as plain values
    ("keys", "jsonsafe"),
    ("arguments", "payload", "options", "events"),
    ("news",),
    # 2: Lua operations as values
    ("script",),
    # 3: the operations there are
    ("store/*",),
    # 4: input and output
    ("io/*", "embedded/*", "checkup/*"),
    ("buffer/*",),
    # 5: what producers and jobs use
    ("context",),
    ("registry",),
    ("middleware",),
    ("callbacks",),
    ("hub",),
    ("delivery", "watching"),
    ("client",),
    ("tally",),
    ("standing", "slots", "walk"),
    ("whereabouts",),
    ("barring",),
    ("waiting", "explain", "reviving", "cancelling"),
    ("forgetting",),
    ("status",),
    ("staging",),
    ("block",),
    ("outbox",),
    ("hold",),
    ("batch",),
    ("membership",),
    ("job",),
    ("inspection/*",),
    ("search/*",),
    ("operations/*", "metrics/*"),
    # 6
    ("app",),
    # 7
    ("worker/*",),
    # what users import
    ("__init__",),
    # 8: programs on top
    ("testing/*", "demo/*"),
    ("web/*",),
    ("cli/*",),
    ("__main__",),
)

# Modules that the layers do not bind: the package itself gathers what users import.
EXEMPT = ("__init__",)

# Sizes: (lines of a file, lines of a function without its docstring).
SRC_LIMITS = (300, 40)
TEST_LIMITS = (500, 40)

# Who alone may do what, as modules or packages of src/outrider (names as in LAYERS).
MAY_IMPORT_REDIS = ("io/*",)
MAY_SPELL_KEYS = ("keys",)
MAY_READ_ENVIRON = ("config", "demo.run")
MAY_READ_CLOCK = ("clock",)

# How the keys in outrider/keys.py begin: a string that begins so is a key.
KEY_HEADS = ("o:", "queue:", "stat:")

# Where a test may sleep: it watches real processes.
MAY_SLEEP = ("tests/process/",)

# Operations in lua/ are called through stubs with one of these decorators.
STUB_DECORATORS = ("script",)
