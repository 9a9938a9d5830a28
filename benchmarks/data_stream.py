"""While somebody downloads a million rows, or stops reading in the middle of them: is a /move answered as usual?

    python benchmarks/data_stream.py            about two minutes; takes 150 MB of disk, for as long as it runs

Mocean is started with the options of mocean.service, with a data.sqlite of a million rows. Ten boats make ten moves
a second each, and nothing else happens; then the same while others download.
"""
import collections
import contextlib
import http.client
import itertools
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
from conftest import Server  # noqa: E402

import data  # noqa: E402

ROWS, BOATS, SECONDS, PAUSE, SLOW = 1_000_000, 10, 12, 0.1, 50
WORDS = {'quiet': 'nobody downloads', 'million': 'one download of a million rows after the other', 'two': 'two at once',
         'slow': f'{SLOW} downloaders who read slowly, or not at all'}


def fill(folder):
    """A million rows: 30 boats, some nine hours."""
    store = data.Store(folder)
    start = int(time.time()) - ROWS // 30
    for at in range(0, ROWS, 50_000):
        store.keep([(f'boat{i % 30}', start + i // 30, float(i * 7 % 600), float(i * 3 % 400), 0.0)
                    for i in range(at, min(at + 50_000, ROWS))])
    store.close()


def ask(server, path):
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=60)
    try:
        connection.request('GET', path)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def row_about(server, id, until, times, errors):
    """Ten moves a second; how long each took."""
    for heading in itertools.cycle('ensw'):
        began = time.perf_counter()
        if began > until:
            return
        try:
            status, body = ask(server, f'/move?id={id}&heading={heading}')
        except OSError as error:
            status, body = 0, repr(error)
        times.append(time.perf_counter() - began)
        if status != 200:
            errors[status, body] += 1
        time.sleep(max(0, PAUSE - (time.perf_counter() - began)))


def measure(server, ids):
    """All boats row for a while: milliseconds of their moves, and what went wrong."""
    times, errors = [], collections.Counter()
    until = time.perf_counter() + SECONDS
    threads = [threading.Thread(target=row_about, args=(server, id, until, times, errors)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [1000 * each for each in times], errors


class Downloads:
    """Others, in processes of their own: each downloads all rows, again and again, until stopped.

    Each time the question is another one: the very same would be answered with the answer before.
    """

    def __init__(self, server, readers):
        self.command = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code} %{size_download} %{time_total}']
        self.url = f'{server.url}/erddap/tabledap/tracks.csv?&time<min(time)%2B{ROWS // 30 + 1}seconds&x<'
        self.numbers = itertools.count(600)
        self.lines, self.going = [], True
        self.threads = [threading.Thread(target=self.repeat) for _ in range(readers)]
        for thread in self.threads:
            thread.start()

    def repeat(self):
        while self.going:
            command = [*self.command, f'{self.url}{next(self.numbers)}']
            self.lines.append(subprocess.run(command, capture_output=True, text=True).stdout.strip())

    def stop(self):
        self.going = False
        for thread in self.threads:
            thread.join()
        return [f'    status {status}: {int(size) / 1e6:.1f} MB in {float(seconds):.1f} s'
                for status, size, seconds in map(str.split, self.lines)]


class SlowReaders:
    """Connections that ask for some 100,000 rows. Every second one reads 100 kB a second, the others not at all."""

    def __init__(self, server, many):
        self.sockets, self.going = [], True
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        for _ in range(many):
            self.sockets.append(self.connect(server))

    def connect(self, server):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.connect(('127.0.0.1', server.port))
        connection.sendall(b'GET /erddap/tabledap/tracks.csv?&time%3Emax(time)-1hour HTTP/1.1\r\n'
                           b'Host: localhost\r\n\r\n')
        assert connection.recv(1000).startswith(b'HTTP/1.1 200')
        return connection

    def read(self):
        while self.going:
            time.sleep(0.2)
            for connection in self.sockets[::2]:
                with contextlib.suppress(OSError):      # nothing there yet, or cut off by the server
                    connection.recv(20_000, socket.MSG_DONTWAIT)

    def stop(self):
        self.going = False
        self.thread.join()
        for connection in self.sockets:
            connection.close()


def tell(name, times, errors):
    times.sort()
    print(f'{WORDS[name]:47} {len(times):5} moves  median {statistics.median(times):6.1f} ms   99 % '
          f'{times[int(len(times) * 0.99)]:6.1f} ms   slowest {times[-1]:6.1f} ms   errors {sum(errors.values())}',
          *errors, flush=True)


def memory(server):
    status = pathlib.Path(f'/proc/{server.children()[0]}/status').read_text()
    return re.search(r'VmHWM:\s+(\d+)', status)[1]


def main():
    with tempfile.TemporaryDirectory() as folder:
        fill(folder)
        server = Server('mocean', folder).start()
        try:
            ids = [ask(server, f'/join?name=rower{i}')[1].decode().split(',')[0] for i in range(BOATS)]
            tell('quiet', *measure(server, ids))
            print(f'most memory of the worker so far: {int(memory(server)) // 1024} MB', flush=True)
            for name, readers in (('million', 1), ('two', 2)):
                downloads = Downloads(server, readers)
                tell(name, *measure(server, ids))
                print(*downloads.stop(), sep='\n', flush=True)
            readers = SlowReaders(server, SLOW)
            tell('slow', *measure(server, ids))
            readers.stop()
            tell('quiet', *measure(server, ids))
            print(f'most memory of the worker: {int(memory(server)) // 1024} MB')
        finally:
            server.stop()


if __name__ == '__main__':
    main()
