"""What a run of the machine must have done: each of these begins one of its own notes.

A new operation is wanted here too; a machine that never does it has not checked it.
"""

WANTED = (
    # making and adding, and who may not
    *("make a root", "make a child", "hold a new one", "hold", "hold what is barred"),
    *("a block left by an exception", "an inner block left by an exception"),
    *("add from outside", "add in a member", "add in a child's callback", "a plain job in a job"),
    *("add from outside BatchFinished", "add from outside BatchCancelled"),
    *("add in its own callback BatchFinished", "add in a member BatchCancelled"),
    *("make a child BatchCancelled", "hold BatchFinished", "hold BatchCancelled"),
    *("end a hold well", "end a hold badly", "end a lapsed hold", "holds lapse"),
    *(f"listen {event}" for event in ("complete", "success", "death", "settled")),
    *(f"listen {event} late" for event in ("complete", "success", "death", "settled")),
    # running
    *(f"claim member {state} runs" for state in ("waiting", "failing", "dead")),
    *(f"claim callback {state} runs" for state in ("queued", "failing", "dead", "deleted")),
    *("claim member waiting dropped, expired", "claim member failing dropped, dead"),
    *("claim member cancelled dropped", "claim member succeeded dropped", "claim plain job"),
    *("claim member waiting dropped, cancelled", "claim from a paused queue"),
    *(f"report callback {how}" for how in ("success", "RuntimeError", "Kill", "Discard")),
    *(f"report callback {how}" for how in ("Snooze", "release", "BatchFinished", "BatchCancelled")),
    *(f"report member {how}" for how in ("success", "RuntimeError", "Kill", "Discard")),
    *(f"report member {how}" for how in ("Snooze", "release", "BatchFinished", "BatchCancelled")),
    *(
        "hand over in vain",
        "handed over",
        "late report",
        "recall",
        "reap",
        "promote schedule",
        "promote retry",
    ),
    # people and other programs
    *("cancel a root", "cancel settled", "cancelling finished by a worker", "pause", "resume"),
    *("delete from a queue", "delete from dead", "kill from a queue", "kill from schedule"),
    *("retry from dead dead", "retry from schedule", "retry all in dead", "retry all in retry"),
    *("clear a queue", "clear dead", "clear schedule"),
    *("brought back behind our back", "delivered twice, waiting", "delivered twice, succeeded"),
)


def missing(notes: list[str]) -> list[str]:
    """What was wanted and not done."""
    return [wanted for wanted in WANTED if not any(note.startswith(wanted) for note in notes)]
