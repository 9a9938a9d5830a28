"""A class of thirty asks at the same moment: is everybody answered, and does the game notice?

    python benchmarks/data_class.py             about two minutes; takes 300 MB of disk while it runs

Mocean is started with the options of mocean.service, with 216,000 tracks (two hours of thirty boats)
and 2,000,000 soundings. Ten boats make ten moves a second each; then thirty others ask at once.
"""
import collections
import pathlib
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests'), str(ROOT / 'benchmarks')]
from conftest import Server  # noqa: E402
from data_stream import ask, memory, row_about  # noqa: E402

import data  # noqa: E402

TRACKS, SOUNDINGS, BOATS, CLASS = 216_000, 2_000_000, 10, 30
WEEK, LAST, MEAN = '&time>now-7days', 'orderByMax("player,time")', 'orderByMean("player,time/10minutes")'
QUESTIONS = {                       # what each of the class asks, by its number
    'all the same table': lambda i: f'tabledap/tracks.csvp?player,time,x,y{WEEK}',
    'the same table, each another part of it': lambda i: f'tabledap/tracks.csvp?player,time,x,y{WEEK}&x<{600 + i}',
    'the same as JSON': lambda i: f'tabledap/tracks.json?player,time,x,y{WEEK}',
    'the grid for the first time': lambda i: 'griddap/bathymetry.csvp',
    'the grid again, each another part of it': lambda i: f'griddap/bathymetry.csvp?depth[{i}:39][]',
    'the last place of each boat': lambda i: f'tabledap/tracks.csvp?player,time,x,y&x>={i}&{LAST}',
    'all the same mean of ten minutes': lambda i: f'tabledap/soundings.csvp?player,time,depth&{MEAN}',
    'each another mean of ten minutes': lambda i: f'tabledap/soundings.csvp?player,time,depth&x>={i}&{MEAN}',
}


def fill(folder):
    store = data.Store(folder)
    now = int(time.time())
    for at in range(0, TRACKS, 30_000):
        store.keep([(f'boat{i % 30}', now - TRACKS // 30 + i // 30, float(i * 7 % 600), float(i * 3 % 400), 0.0)
                    for i in range(at, min(at + 30_000, TRACKS))])
    for at in range(0, SOUNDINGS, 50_000):
        numbers = range(at, min(at + 50_000, SOUNDINGS))
        store.keep([], [(f'boat{i % 30}', now - SOUNDINGS // 30 + i // 30, float(i * 7 % 600), float(i * 3 % 400),
                         30 + i % 7 / 8) for i in numbers])
    store.close()


def ask_at_once(server, question):
    """Thirty threads; what each got, and how long it took."""
    answers, barrier = [], threading.Barrier(CLASS)

    def student(i):
        barrier.wait()
        began = time.perf_counter()
        status, body = ask(server, '/erddap/' + question(i))
        answers.append((status, len(body), time.perf_counter() - began))
    students = [threading.Thread(target=student, args=(i,)) for i in range(CLASS)]
    for thread in students:
        thread.start()
    for thread in students:
        thread.join()
    return answers


def measure(server, ids, question=None):
    """All boats row, and the class asks; milliseconds of the moves made meanwhile."""
    moves, errors, answers = [], collections.Counter(), []
    going = [time.perf_counter() + 60]
    threads = [threading.Thread(target=row_until, args=(server, id, going, moves, errors)) for id in ids]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    moves.clear()
    if question:
        answers = ask_at_once(server, question)
    else:
        time.sleep(5)
    going[0] = 0
    for thread in threads:
        thread.join()
    return sorted(1000 * each for each in moves), errors, answers


def row_until(server, id, going, moves, errors):
    while time.perf_counter() < going[0]:
        row_about(server, id, time.perf_counter() + 0.2, moves, errors)


def tell(words, moves, errors, answers):
    line = (f'{words:40} moves: {len(moves):5}, median {moves[len(moves) // 2]:6.1f} ms, '
            f'slowest {moves[-1]:6.1f} ms, errors {sum(errors.values())}')
    if answers:
        statuses = collections.Counter(status for status, _, _ in answers)
        seconds = sorted(each for _, _, each in answers)
        size = max(length for _, length, _ in answers) / 1e6
        line += (f'; class: {dict(statuses)}, {size:.1f} MB each, '
                 f'first after {seconds[0]:.1f} s, last after {seconds[-1]:.1f} s')
    print(line, *errors, flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        fill(folder)
        server = Server('mocean', folder).start()
        try:
            ids = [ask(server, f'/join?name=rower{i}')[1].decode().split(',')[0] for i in range(BOATS)]
            tell('nobody asks', *measure(server, ids))
            for words, question in QUESTIONS.items():
                tell(words, *measure(server, ids, question))
                time.sleep(data.SHARED_SECONDS)
            print(f'most memory of the worker: {int(memory(server)) // 1024} MB')
        finally:
            server.stop()


if __name__ == '__main__':
    main()
