"""Messages between supervisor and child arrive whole."""

from __future__ import annotations

import socket
import threading

from outrider.worker.channel import Channel
from outrider.worker.crew import Child


def test_two_threads_may_send() -> None:
    """The keeper's and the main thread do; what does not fit at once must not be mixed."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    here, there = Channel(ours), Channel(theirs)

    def send(name: str) -> None:
        for _ in range(50):
            assert here.send(words=name * 100_000)

    threads = [threading.Thread(target=send, args=(name,), daemon=True) for name in "abc"]
    for thread in threads:
        thread.start()
    received = there.messages()
    found = sorted(next(received)["words"][:2] for _ in range(150))
    for thread in threads:
        thread.join()
    assert found == ["aa"] * 50 + ["bb"] * 50 + ["cc"] * 50
    here.close()
    there.close()


def test_what_there_is_to_hear() -> None:
    """A dead child's last words are read, and nobody waits for words that do not come."""
    ours, theirs = socket.socketpair()
    here, there = Channel(ours), Channel(theirs)
    assert not here.has_words()
    there.send(failed="bad code")
    assert here.has_words()
    assert here.receive() == [{"failed": "bad code"}]
    there.close()
    assert here.has_words()
    assert here.receive() is None
    here.close()
    assert not here.has_words()


def test_a_child_that_could_not_start_has_said_why() -> None:
    """Also where its end is noticed before its words."""
    child = Child(1, "there_is_no_such_module", 1, "info")
    child.process.wait()
    child.hear_last_words()
    assert "no module 'there_is_no_such_module'" in child.failure
    child.close()
    child.hear_last_words()
