"""What an answer costs: Mocean's calls beside a bare Bottle `hello`, under the unit's own uWSGI options.

    python benchmarks/wire.py [--rounds 5] [--seconds 2]         needs wrk, and a machine with nothing else to do

Bursts of wrk alternate between the servers, so that a noisy moment hits all of them. Printed are the medians of the
rounds: requests a second, the ratio to the hello of the same round, and the processor time of the worker for one
request, which is less noisy than a rate. Each burst asks for the boats in turn: they are so many, prepared in a state
folder, that nobody is ever too early, and none has to wait for its hull. They have met all quests: what happens once
in the life of a boat is not measured. Ten boats all over the ocean see nobody; ten in one place lie as close to each
other as ten thousand all over it, and are told as much.
"""
import argparse
import contextlib
import io
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
from conftest import Server, crowd, poll, wait_for_room  # noqa: E402

import mocean  # noqa: E402

HELLO = '''import bottle
app = application = bottle.Bottle()
app.route('/hello')(lambda: 'hello')
'''
LUA = '''
local ids, at = {}, 0
for line in io.lines("%s") do ids[#ids + 1] = line end
local headings = {"north", "east", "south", "west", "northeast", "southwest"}
request = function()
    at = at %% #ids + 1
    return wrk.format("GET", "%s?id=" .. ids[at] .. (%s and "&heading=" .. headings[at %% #headings + 1] or ""))
end
'''
OCEAN, PLACE = (mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS), (15, 16)      # cells, over which the boats are scattered
CASES = [('hello', '/hello', 0, None), ('move', '/move', 5000, OCEAN),
         ('look', '/look', 1000, OCEAN), ('location', '/location', 1000, OCEAN),
         *((f'{route}, {players:,} players{where}', f'/{route}', players, over) for route in ('look', 'location')
           for players, where, over in ((10, '', OCEAN), (10, ' in one place', PLACE), (10_000, '', OCEAN)))]
TICK = os.sysconf('SC_CLK_TCK')


def serve(folder, players, over=OCEAN):
    """A server under the unit's options: Mocean with so many players, scattered over so many cells; or the hello."""
    folder.mkdir()
    if players:
        with contextlib.redirect_stderr(io.StringIO()):          # the log
            ids = crowd(folder, players, over, badges=mocean.QUEST_NAMES, quest=len(mocean.QUESTS))
        (folder / 'ids').write_text('\n'.join(ids))
        return Server('mocean', folder).start()
    (folder / 'hello.py').write_text(HELLO)
    server = Server(str(folder / 'hello'), folder).start(wait=False)
    poll(lambda: 'spawned uWSGI http' in server.log() and answers(server))
    return server


def answers(server):
    try:
        return server.say('/hello') == 'hello'
    except OSError:
        return False


def script(server, path):
    """The wrk script that asks each boat in turn."""
    if path == '/hello':
        return []
    file = server.folder / f'{path[1:]}.lua'
    file.write_text(LUA % (server.folder / 'ids', path, 'true' if path == '/move' else 'false'))
    return ['-s', str(file)]


def worker_s(server):
    """Seconds of processor time that the worker has used."""
    fields = pathlib.Path(f'/proc/{server.children()[0]}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def burst(server, path, seconds):
    """Requests a second, and microseconds of the worker's processor time for one."""
    wait_for_room()
    before = worker_s(server)
    told = subprocess.run(['wrk', '-t1', '-c16', f'-d{seconds}s', *script(server, path), server.url + path],
                          capture_output=True, text=True, check=True).stdout
    assert 'Non-2xx' not in told, told
    requests = int(re.search(r'(\d+) requests in', told)[1])
    return float(re.search(r'Requests/sec: +([\d.]+)', told)[1]), (worker_s(server) - before) / requests * 1e6


def measure(rounds, seconds):
    """Per case: a list of (requests a second, microseconds)."""
    measured = {name: [] for name, *_ in CASES}
    with tempfile.TemporaryDirectory() as folder:
        servers = {}
        try:
            for _, _, *crew in CASES:
                if str(crew) not in servers:
                    servers[str(crew)] = serve(pathlib.Path(folder, str(len(servers))), *crew)
            for number in range(rounds + 1):
                for name, path, *crew in CASES:
                    result = burst(servers[str(crew)], path, seconds if number else 1)
                    if number:                                   # the first round warms up
                        measured[name].append(result)
        finally:
            for server in servers.values():
                server.kill()
    return measured


def ratio(these, those, at):
    """How many times as much, round by round; of that the median."""
    return statistics.median(this[at] / that[at] for this, that in zip(these, those, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=2)
    arguments = parser.parse_args()
    measured = measure(arguments.rounds, arguments.seconds)
    print(f'{"":32}  requests/s  of hello   CPU us/request  of hello')
    for name, results in measured.items():
        rate, cpu = (statistics.median(column) for column in zip(*results, strict=True))
        by_rate, by_cpu = (ratio(results, measured['hello'], at) for at in (0, 1))
        print(f'{name:32}  {rate:10.0f}  {by_rate:8.2f}   {cpu:14.0f}  {by_cpu:8.2f}')
    for route in ('look', 'location'):
        for few in ('10 players', '10 players in one place'):
            times = ratio(measured[f'{route}, 10,000 players'], measured[f'{route}, {few}'], 1)
            print(f'{route} with 10,000 players costs {times:.2f} times what it costs with {few} (CPU)')


if __name__ == '__main__':
    main()
