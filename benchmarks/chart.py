"""What the wall costs the players: `/location` with and without thirty screens that poll `/chart`.

    python benchmarks/chart.py [--rounds 5] [--seconds 3]        needs wrk, and a machine with nothing else to do

Bursts of wrk on one server alternate: nobody watches, then thirty screens do, each asking once a second as the live
map does, zipped. The whole ocean is charted and sounded, and a record of all of it is what a screen fetches when it
opens; the bursts begin after that. Printed are the medians of the rounds; bytes are those that travel, without headers.
The processor time is the worker's, screens included, for one call: the screens cost the game whatever the ratio is
above 1. (The call is `/location`, since a `/move` takes a boat's time, and with few boats one would measure that. All
boats call, so each poll tells of each of them.)
"""
import argparse
import contextlib
import gzip
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

import wire
from wire import Server

import mocean

SCREENS, POLL_S = 30, 1
ZIP = {'Accept-Encoding': 'gzip'}
UNITS = {'us': 0.001, 'ms': 1, 's': 1000}
DIGITS = str.maketrans('01', 'ab')                               # which an id does not have


def settle(folder, players):
    """A state folder with so many boats, and everything charted."""
    ocean, then = mocean.Ocean(), time.time() - 60
    mocean.merge(ocean, mocean.new_planet(1, then))
    turn = mocean.Turn(ocean, 0.0, then)
    for number in range(players):
        mocean.launch_boat(turn, f'ada{number}', f'{number:08}'.translate(DIGITS))
    keys = [f'{column},{row}' for column in range(mocean.COLUMNS) for row in range(mocean.ROWS)]
    mocean.merge(ocean, {'boats': turn.change['boats'], 'sectors': dict.fromkeys(keys, mocean.First('ada0', then)),
                         'depths': dict.fromkeys(keys, mocean.Depth(30.0, 1, 'ada0', then, then))})
    (folder / 'mocean.json').write_text(mocean.readable({**mocean.document_of(ocean), 'now': 1.0}))
    (folder / 'ids').write_text('\n'.join(ocean.keys))


def chart(server, query=''):
    """What a screen is told, and how many bytes of it travel."""
    reply = urllib.request.urlopen(urllib.request.Request(f'{server.url}/chart{query}', headers=ZIP), timeout=30)
    body = reply.read()
    plain = gzip.decompress(body) if reply.headers['Content-Encoding'] == 'gzip' else body
    return json.loads(plain), len(body)


@contextlib.contextmanager
def screens(server, count):
    """So many walls, one after the other in each second; yields the sizes of what they were told."""
    sizes, done, since = [], threading.Event(), chart(server)[0]['next']

    def watch(number, since):
        done.wait(number * POLL_S / count)
        while not done.is_set():
            told, size = chart(server, f'?since={since}')
            sizes.append(size)
            since = told['next']
            done.wait(POLL_S)
    watchers = [threading.Thread(target=watch, args=(number, since)) for number in range(count)]
    for watcher in watchers:
        watcher.start()
    try:
        yield sizes
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()


def burst(server, seconds, watching):
    """Calls a second, microseconds of the worker for one, milliseconds until 99 of 100 were answered, and
    the bytes of a chart."""
    wire.wait_for_room()
    calls = wire.script(server, '/location')
    with screens(server, watching) as sizes:
        before = wire.worker_s(server)
        told = subprocess.run(['wrk', '-t1', '-c16', f'-d{seconds}s', '--latency', *calls, server.url],
                              capture_output=True, text=True, check=True).stdout
        spent = wire.worker_s(server) - before
    assert 'Non-2xx' not in told, told
    rate = float(re.search(r'Requests/sec: +([\d.]+)', told)[1])
    count = int(re.search(r'(\d+) requests in', told)[1])
    number, unit = re.search(r'99% +([\d.]+)(us|ms|s)', told).groups()
    return rate, spent / count * 1e6, float(number) * UNITS[unit], statistics.median(sizes) if sizes else 0


def measure(players, rounds, seconds):
    """Two lists of bursts: unwatched, watched."""
    with tempfile.TemporaryDirectory() as folder:
        settle(pathlib.Path(folder), players)
        server = Server('mocean', folder).start()
        try:
            burst(server, 1, 0)                                  # warms up
            pairs = [(burst(server, seconds, 0), burst(server, seconds, SCREENS)) for _ in range(rounds)]
            opening = time.perf_counter()
            size = chart(server)[1]
            took = time.perf_counter() - opening
            print(f'{players} boats: opening a screen takes {size / 1000:.0f} kB and {1000 * took:.0f} ms')
        finally:
            server.kill()
    return zip(*pairs, strict=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=3)
    arguments = parser.parse_args()
    for players in (30, 200, 1000):
        both = list(measure(players, arguments.rounds, arguments.seconds))
        for words, bursts in zip(('nobody watches', f'{SCREENS} screens watch'), both, strict=True):
            rate, cpu, late, size = (statistics.median(column) for column in zip(*bursts, strict=True))
            print(f'  {words:18} {rate:6.0f} calls/s  {cpu:6.0f} us CPU a call  99 % within {late:5.1f} ms' +
                  (f'  {size / 1000:.1f} kB a poll' if size else ''))
        alone, watched = both
        ratios = [statistics.median(w[at] / a[at] for a, w in zip(alone, watched, strict=True)) for at in (0, 1)]
        print(f'  ratio: {ratios[0]:.2f} of the calls, {ratios[1]:.2f} times the CPU of a call')


if __name__ == '__main__':
    main()
