"""Replaces texts of the scripts."""

from __future__ import annotations

import hashlib

from outrider.script import SCRIPTS, Script

Replacement = tuple[str, str]
Faults = dict[str, list[Replacement]]


def replace(replacements: list[Replacement]) -> dict[str, Script]:
    faulty: dict[str, Script] = {}
    for old, new in replacements:
        sound = {name: load() for name, load in SCRIPTS.items()} | faulty
        hit = {name: script for name, script in sound.items() if old in script.source}
        if not hit or any(script.source.count(old) > 1 for script in hit.values()):
            message = f"a fault does not fit the sources any more: {old!r} in {sorted(hit)}"
            raise LookupError(message)
        for name, script in hit.items():
            source = script.source.replace(old, new)
            sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
            faulty[name] = Script(name, source, sha)
    return faulty
