"""TLS in front of a server: on a free port of this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

FOLDER = Path(__file__).parent


class Front:
    """Ends TLS with one of the certificates here, and passes everything on."""

    def __init__(self, url: str, certificate: str) -> None:
        self.port = 0
        self.passed = 0
        """How many bytes came through from clients, decrypted."""
        self._server = url.removeprefix("unix://")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.show(certificate)
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._listening.wait()

    def show(self, certificate: str) -> None:
        """Have this certificate from the next connection on."""
        self._context.load_cert_chain(FOLDER / f"{certificate}.pem")

    def close(self) -> None:
        """Stop, and close all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        self._loop.set_exception_handler(lambda *_: None)  # clients that refuse us, as they must
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        server = self._loop.run_until_complete(starting)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_unix_connection(self._server)
        back = asyncio.ensure_future(self._pass(back_reader, writer))
        try:
            self.passed += await self._pass(reader, back_writer)
        finally:
            back.cancel()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        passed = 0
        try:
            while data := await reader.read(1 << 16):
                passed += len(data)
                writer.write(data)
                await writer.drain()
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()
        return passed
