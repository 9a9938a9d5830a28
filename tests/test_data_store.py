"""The file that the measurements are kept in: what kill -9, a full disk, damage and time do to it."""
import contextlib
import dataclasses
import importlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from conftest import ROOT, Server, as_killed, join, mounted, poll, woken

import data

UNAVAILABLE = 'Error {\n    code=503;\n    message="Service Unavailable: '

DAY = 86_400


def rows(folder, table='tracks'):
    db = sqlite3.connect(f'file:{folder}/data.sqlite?mode=ro', uri=True)
    try:
        return db.execute(f'SELECT * FROM {table} ORDER BY rowid').fetchall()
    finally:
        db.close()


def track(time, player='ada', x=1.0):
    return player, time, x, 2.0, 0.0


def dawn():
    """The clock of these tests: 1970, so that their rows are never old."""
    return 0.0


@pytest.fixture
def store(tmp_path):
    store = data.Store(tmp_path, dawn)
    yield store
    store.close()


def test_nothing_is_opened_before_the_first_row(tmp_path):
    data.make_app(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_there_at_once_and_to_the_metre(store, tmp_path):
    store.keep([track(5), track(6, x=1.23456)], [('ada', 5, 1.0, 2.0, 30.0)])
    assert rows(tmp_path) == [('ada', 5, 1.0, 2.0, 0.0), ('ada', 6, 1.235, 2.0, 0.0)]
    assert rows(tmp_path, 'soundings') == [('ada', 5, 1.0, 2.0, 30.0)]


@pytest.mark.parametrize('query', [
    'player,time,x&orderByMax("player,time")', 'player,time,x&orderByMin("player,time")',
    'player,time&orderBy("player,time")', 'time,x&orderByMax("time")', 'player&distinct()'])
def test_an_answer_is_searched_for_once_and_by_the_index(store, monkeypatch, query):
    """Millions of rows: searched for a second time to count them, or read one by one, they take long."""
    store.keep([track(time, player) for player in ('ada', 'bob') for time in range(3)], [])
    asked = []

    def connect():
        db = data.Store.connect(store)
        db.set_trace_callback(lambda sql: 'FROM tracks' in sql and asked.append(sql))
        return db
    monkeypatch.setattr(store, 'connect', connect)
    table = data.tabledap(store, data.TRACKS, query, 'line')
    assert sum(len(block) for block in table.blocks) > 0
    assert len(asked) == 1
    plan = [row[3] for row in store.connect().execute(f'EXPLAIN QUERY PLAN {asked[0]}')]
    searched = [step for step in plan if ' tracks' in step]
    assert searched and all('INDEX' in step or 'PRIMARY KEY' in step for step in searched)


WRITER = '''
import sys, data
store = data.Store(sys.argv[1], float)
second = int(sys.argv[2])
while True:
    second += 1
    store.keep([("ada", second, 1.0, 2.0, 0.0)] * 30, [("ada", second, 1.0, 2.0, 9.0)])
    print(second, flush=True)
'''


def test_kill_9_loses_no_second_that_was_written(tmp_path):
    """A writer that says each second that it has kept; it is killed at random moments, many times."""
    said, dice = 0, random.Random(7)
    for _ in range(20):
        process = subprocess.Popen([sys.executable, '-c', WRITER, str(tmp_path), str(said)], cwd=ROOT,
                                   stdout=subprocess.PIPE, text=True)
        with process:
            for _ in range(dice.randrange(1, 60)):
                said = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            said = int((process.stdout.read().split() or [said])[-1])
        db = sqlite3.connect(tmp_path / 'data.sqlite')
        assert db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
        seconds = [row[0] for row in db.execute('SELECT DISTINCT time FROM tracks ORDER BY time')]
        assert seconds[:said] == list(range(1, said + 1))
        said = seconds[-1]                              # one more may be written that could not be said any more
        assert db.execute('SELECT count(*) FROM tracks').fetchone() == (30 * said,)
        assert db.execute('SELECT count(*) FROM soundings').fetchone() == (said,)
        db.close()


@pytest.fixture
def small_disk(tmp_path):
    """A disk with room for some thousand rows."""
    with mounted(tmp_path / 'disk', '2m') as folder:
        yield folder


def test_a_full_disk_is_said_once_and_its_rows_come_later(small_disk, capsys):
    with contextlib.closing(data.Store(small_disk, dawn)) as store:
        store.keep([track(0)])
        ballast = small_disk / 'ballast'
        with contextlib.suppress(OSError), open(ballast, 'wb', buffering=0) as file:
            while True:
                file.write(b'x' * 4096)
        for second in range(1, 200):
            store.keep([track(second, f'boat{n}') for n in range(30)])       # never raises
        said = capsys.readouterr().err.splitlines()
        assert [line for line in said if 'The game goes on' in line]
        assert len(said) <= 3
        say = talk(data.make_app(store=store))
        assert say('/erddap/tabledap/tracks.csv0') == 'ada,1970-01-01T00:00:00Z,1.0,2.0,0.0\n'      # reading goes on
        ballast.write_bytes(b'')
        store.keep([track(200)])
        assert 'data.sqlite is being written again' in capsys.readouterr().err
        assert len(rows(small_disk)) == 1 + 199 * 30 + 1
        assert say('/erddap/tabledap/tracks.csv').startswith(UNAVAILABLE + 'The disk')
        assert say('/erddap/tabledap/tracks.csv?&time<9').status == 200


def test_what_waits_for_the_disk_is_bounded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, 'WAITING_ROWS', 100)
    store = data.Store(tmp_path / 'gone', dawn)               # a folder that is not there
    for second in range(300):
        store.keep([track(second)])
    assert len(capsys.readouterr().err.splitlines()) == 1
    (tmp_path / 'gone').mkdir()
    store.keep([track(300)])
    assert [row[1] for row in rows(tmp_path / 'gone')] == list(range(201, 301))
    store.close()


def damage_all(file):
    file.write_bytes(b'this is no database' * 1000)


def damage_middle(file):
    body = bytearray(file.read_bytes())
    body[4096:8 * 4096] = os.urandom(7 * 4096)
    file.write_bytes(body)


@pytest.mark.parametrize('damage', [damage_all, damage_middle])
def test_a_broken_file_is_set_aside_with_a_date(tmp_path, damage, capsys):
    store = data.Store(tmp_path, dawn)
    store.keep([track(second) for second in range(5000)])
    store.close()
    damage(tmp_path / 'data.sqlite')
    broken = (tmp_path / 'data.sqlite').read_bytes()
    app = data.make_app(store=data.Store(tmp_path, dawn))
    say = talk(app)
    assert say('/erddap/tabledap/tracks.csv').startswith('Error {\n    code=503;')
    app.store.keep([track(9000)])
    aside, = tmp_path.glob('data.sqlite.damaged-????????-??????')
    assert aside.read_bytes() == broken
    assert f'data.sqlite is set aside as {aside.name}; a new one is begun' in capsys.readouterr().err
    assert [row[1] for row in rows(tmp_path)] == [9000]
    assert say('/erddap/tabledap/tracks.csv').status == 200
    app.store.close()


def test_a_reader_of_a_broken_file_does_not_blame_the_new_one(store, tmp_path):
    store.keep([track(second) for second in range(5000)])
    store.close()
    damage_middle(tmp_path / 'data.sqlite')
    with pytest.raises(data.Refusal, match='malformed'), data.reading(store) as it:
        assert talk(data.make_app(store=store))('/erddap/tabledap/tracks.csv').status == 503
        store.keep([track(9000)])                       # the broken file is set aside, a new one begun
        it.db.execute('SELECT * FROM tracks ORDER BY time').fetchall()
    store.keep([track(9001)])
    assert [row[1] for row in rows(tmp_path)] == [9000, 9001]


def test_no_file_that_was_set_aside_is_overwritten(store, tmp_path, one_second):
    for second in (1, 2):
        store.keep([track(second)])
        store.close()
        damage_all(tmp_path / 'data.sqlite')
    store.keep([track(3)])
    name = 'data.sqlite.damaged-20261126-120000'
    assert {path.name for path in tmp_path.glob('data.sqlite.*')} >= {name, f'{name}+'}


def talk(app, raw=False):
    """say(path) for that app; raw: what comes is no text."""
    from conftest import Answer
    from webtest import TestApp
    web = TestApp(app)

    def say(path):
        reply = web.get(path, expect_errors=True)
        return Answer.of(reply.status_int, reply.headers, b'' if raw else reply.body)
    return say


@pytest.mark.parametrize('ending', ['-wal', '-shm'])
@pytest.mark.parametrize('running', [True, False])
def test_a_broken_file_beside_the_database_stops_nothing(tmp_path, ending, running):
    """What only the -wal had may be gone; all that was in the file itself is there, and writing and reading go on."""
    store = data.Store(tmp_path, dawn)
    store.keep([track(second) for second in range(5000)])
    store.open().execute('PRAGMA wal_checkpoint(PASSIVE)')      # all of these are in the file
    store.keep([track(5000)])
    beside = tmp_path / ('data.sqlite' + ending)
    if running:
        with open(beside, 'r+b') as file:
            file.write(os.urandom(beside.stat().st_size))
    else:
        copy = tmp_path / 'copy'
        copy.mkdir()
        for file in list(tmp_path.glob('data.sqlite*')):
            (copy / file.name).write_bytes(os.urandom(file.stat().st_size) if file == beside else file.read_bytes())
        store.close()
        tmp_path, store = copy, data.Store(copy, dawn)
    say = talk(data.make_app(store=store))
    for second in range(6000, 6010):
        say('/erddap/tabledap/tracks.csv')          # a reader may be the first to notice; the next write mends it
        store.keep([track(second)])
        assert say('/erddap/tabledap/tracks.csv').status == 200
    served = say('/erddap/tabledap/tracks.csv0?time').splitlines()
    store.close()
    db = sqlite3.connect(tmp_path / 'data.sqlite')
    assert db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    db.close()
    kept = [row[1] for row in rows(tmp_path)]
    assert kept[-9:] == list(range(6001, 6010))
    assert len(served) == len(kept)
    assert kept[:5000] == list(range(5000)) or list(tmp_path.glob('data.sqlite.damaged-*[0-9]'))


def test_a_file_locked_by_somebody_else_makes_rows_wait_and_readers_not(store, tmp_path, capsys):
    """As with sqlite3 data.sqlite in another window, and BEGIN IMMEDIATE in it."""
    store.keep([track(0)])
    somebody = sqlite3.connect(tmp_path / 'data.sqlite', isolation_level=None)
    somebody.execute('BEGIN IMMEDIATE')
    say = talk(data.make_app(store=store))
    for second in range(1, 4):
        store.keep([track(second)])
        assert say('/erddap/tabledap/tracks.csv0?time') == '1970-01-01T00:00:00Z\n'
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert 'database is locked. The game goes on' in said[0]
    somebody.execute('COMMIT')
    somebody.close()
    store.keep([track(4)])
    assert [row[1] for row in rows(tmp_path)] == list(range(5))
    assert 'data.sqlite is being written again' in capsys.readouterr().err


def test_a_copied_file_is_read_alone_also_where_nothing_can_be_written(store, tmp_path):
    """A data.sqlite that a teacher took home, without the two files that SQLite keeps beside it."""
    store.keep([track(5)])
    store.close()
    home = tmp_path / 'home'
    home.mkdir()
    (home / 'data.sqlite').write_bytes((tmp_path / 'data.sqlite').read_bytes())
    for mode in (0o700, 0o500):
        home.chmod(mode)
        say = talk(data.make_app(home))
        assert say('/erddap/tabledap/tracks.csv0') == 'ada,1970-01-01T00:00:05Z,1.0,2.0,0.0\n'
    home.chmod(0o700)


def test_a_file_that_somebody_removed_is_begun_anew(store, tmp_path):
    store.keep([track(1)])
    for file in tmp_path.glob('data.sqlite*'):
        file.unlink()
    store.keep([track(2)])
    assert [row[1] for row in rows(tmp_path)] == [2]


def test_a_file_that_somebody_replaced_is_left_at_once(store, tmp_path):
    """SQLite would write to the old one, and mix its -wal into the new one."""
    say = talk(data.make_app(store=store))
    store.keep([track(1)], [('ada', 1, 1.0, 2.0, 30.0)])
    assert '30.0' in say('/erddap/griddap/bathymetry.csv')
    (tmp_path / 'other').mkdir()
    with contextlib.closing(data.Store(tmp_path / 'other', dawn)) as other:
        other.keep([track(100)])
    os.replace(tmp_path / 'other' / 'data.sqlite', tmp_path / 'data.sqlite')
    store.keep([track(2)])
    assert [row[1] for row in rows(tmp_path)] == [100, 2]
    assert '30.0' not in say('/erddap/griddap/bathymetry.csv')


def test_a_file_that_somebody_emptied_is_begun_anew(store, tmp_path):
    store.keep([track(second) for second in range(5000)])
    os.truncate(tmp_path / 'data.sqlite', 0)
    assert store.keep([track(5000)])
    assert talk(data.make_app(store=store))('/erddap/tabledap/tracks.csv0?&time>=5000').count('ada') == 1
    store.close()
    assert rows(tmp_path)[-1][1] == 5000


def test_a_new_ocean_gets_a_new_file_and_the_old_one_stays(store, tmp_path):
    for aside in (tmp_path / 'first', tmp_path / 'second'):
        aside.mkdir()
    store.renew(tmp_path / 'first')                     # nothing there yet
    store.keep([track(1)])
    store.renew(tmp_path / 'second')
    store.keep([track(2)])
    assert [row[1] for row in rows(tmp_path)] == [2]
    assert [row[1] for row in rows(tmp_path / 'second')] == [1]


def test_rows_that_no_table_can_take_do_not_come_again(store, tmp_path):
    with pytest.raises(sqlite3.IntegrityError):
        store.keep([track(1), ('ada', None, 2.0, 0.0, 0.0)])
    store.keep([track(3)])
    assert [row[1] for row in rows(tmp_path)] == [3]


def test_a_year_is_pruned_a_piece_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(data, 'PRUNE_ROWS', 100)
    now = 1_800_000_000
    store = data.Store(tmp_path, clock=lambda: now)
    store.keep([track(now - day * DAY) for day in range(730, -1, -1)])
    assert len(rows(tmp_path)) == 731 - 100             # the first write prunes, too
    for _ in range(5):
        now += data.PRUNE_EVERY_SECONDS
        before = len(rows(tmp_path))
        store.keep()
        store.keep()
        assert before - len(rows(tmp_path)) <= 100
    assert len(rows(tmp_path)) == 731 - 366
    assert rows(tmp_path)[0][1] >= now - 365 * DAY
    store.close()


def days():
    return data.whole_setting('MOCEAN_DATA_DAYS', data.KEEP_DAYS, 'days')


def test_the_days_to_keep_come_from_the_environment(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('MOCEAN_DATA_DAYS', '7')
    assert days() == 7
    now = 1_800_000_000
    with contextlib.closing(data.Store(tmp_path, clock=lambda: now)) as store:
        store.keep([track(now - 8 * DAY), track(now - 6 * DAY)])
        assert [row[1] for row in rows(tmp_path)] == [now - 6 * DAY]
    for wrong in ('', '0', '-1', 'a year', '7.5', '٣'):
        monkeypatch.setenv('MOCEAN_DATA_DAYS', wrong)
        assert days() == 365
        assert 'no number of days' in capsys.readouterr().err


def test_readers_and_the_writer_do_not_wait_for_each_other(store, tmp_path):
    store.keep([track(second) for second in range(100_000)])
    reader = store.connect()
    cursor = reader.execute('SELECT * FROM tracks')
    cursor.fetchone()                                   # a question in the middle of its answer
    store.keep([track(100_000)])
    assert len(rows(tmp_path)) == 100_001
    assert len(cursor.fetchall()) == 99_999
    reader.close()


def test_many_threads_keep_and_ask_at_once(tmp_path):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(0)])
    wrong = []

    def ask():
        say = talk(app)
        for _ in range(40):
            if not say('/erddap/tabledap/tracks.csv0?time').startswith('1970-01-01T00:00:00Z'):
                wrong.append(True)
    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for second in range(1, 300):
        app.store.keep([track(second)])
    for asker in askers:
        asker.join()
    assert not wrong
    assert len(rows(tmp_path)) == 300
    app.store.close()


def test_no_answer_is_spooled_to_a_disk_that_is_nearly_full(tmp_path, monkeypatch):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(second) for second in range(60_000)])
    say = talk(app)
    assert len(say('/erddap/tabledap/tracks.csv')) > data.MEMORY_BYTES
    monkeypatch.setattr(data, 'FREE_BYTES', 10**18)
    for other in ('tracks.csv?&x>0', 'tracks.json', 'tracks.nc', 'tracks.dods'):        # not made before
        assert say('/erddap/tabledap/' + other).startswith('Error {\n    code=503;')
    assert say('/erddap/tabledap/tracks.csv?&time<100').status == 200
    assert {file.name for file in tmp_path.iterdir()} <= {'data.sqlite', 'data.sqlite-wal', 'data.sqlite-shm'}
    app.store.close()


def test_a_nc_lays_its_rows_beside_the_data_and_no_further(tmp_path, monkeypatch):
    monkeypatch.setattr(data, 'FREE_BYTES', 0)
    app = data.make_app(store=data.Store(tmp_path, dawn))
    say = talk(app, raw=True)
    app.store.keep([track(second) for second in range(10_000)])
    monkeypatch.setattr(data.tempfile, 'tempdir', str(tmp_path / 'nowhere'))
    assert say('/erddap/tabledap/tracks.nc').status == 200

    def full(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(data.pickle, 'dump', full)
    assert say('/erddap/tabledap/tracks.nc?&time>0').status == 503
    app.store.close()


@pytest.fixture
def every_answer_is_long(monkeypatch):
    monkeypatch.setattr(data, 'QUICK_SECONDS', 0.0)


LONG_QUESTIONS = ['tabledap/tracks.csv', 'tabledap/tracks.csv?&x>99',
                  'tabledap/tracks.csv?time&distinct()', 'griddap/bathymetry.nc']


@pytest.mark.parametrize('question', LONG_QUESTIONS)
def test_a_long_answer_waits_for_its_turn_and_a_quick_one_does_not(
        tmp_path, monkeypatch, every_answer_is_long, question):
    """Long is what takes long: also a search that finds nothing, and the mean of many soundings."""
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(second) for second in range(60_000)], [track(second) for second in range(60_000)])
    say = talk(app)
    for _ in range(data.LONG_AT_A_TIME):
        app.store.turns.making.acquire()
    monkeypatch.setattr(data, 'MOST_SECONDS', 0.3)
    assert say('/erddap/' + question).startswith(UNAVAILABLE + 'Many others')
    monkeypatch.setattr(data, 'QUICK_SECONDS', 60.0)
    assert say('/erddap/tabledap/tracks.csv?&time<1000').status == 200
    assert app.store.turns.chairs._value == data.LONG_WAITING       # nobody left a chair taken
    app.store.close()


def test_a_class_waits_for_its_turn_and_the_threads_of_the_game_stay_free(tmp_path, every_answer_is_long):
    """Each asks something else, so that nobody can share an answer."""
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(second) for second in range(20_000)])
    turns = app.store.turns
    for _ in range(data.LONG_AT_A_TIME):
        turns.making.acquire()
    answers = []

    def ask(i):
        answers.append(talk(app)(f'/erddap/tabledap/tracks.csv?&x<{100 + i}').status)
    waiting = [threading.Thread(target=ask, args=(i,)) for i in range(data.LONG_WAITING)]
    for thread in waiting:
        thread.start()
    poll(lambda: not turns.chairs.acquire(blocking=False) or turns.chairs.release())
    refused = talk(app)('/erddap/tabledap/tracks.csv')                  # one too many
    assert refused.startswith('Error {\n    code=503;')
    assert refused.headers['Retry-After'] == str(data.RETRY_SECONDS)
    assert answers == []
    turns.making.release(data.LONG_AT_A_TIME)
    for thread in waiting:
        thread.join()
    assert answers == [200] * data.LONG_WAITING
    app.store.close()


def test_who_asks_the_same_at_the_same_time_shares_one_answer(tmp_path, monkeypatch, every_answer_is_long):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(second) for second in range(20_000)])
    made, answers, whole = [], [], data.pieces_of

    def pieces_of(*question):
        made.append(question)
        return whole(*question)
    monkeypatch.setattr(data, 'pieces_of', pieces_of)

    def ask():
        answers.append(talk(app)('/erddap/tabledap/tracks.csv0'))
    asking = [threading.Thread(target=ask) for _ in range(20)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(answers) == 20
    assert len(set(answers)) == 1
    assert answers[0].count('\n') == 20_000
    assert len(made) == 1
    app.store.keep([track(20_000)])
    assert talk(app)('/erddap/tabledap/tracks.csv0').count('\n') == 20_000          # for some seconds
    assert talk(app)('/erddap/tabledap/tracks.csv0?time').count('\n') == 20_001     # another question
    monkeypatch.setattr(data, 'SHARED_SECONDS', -60.0)
    app.store.turns.shared.clear()
    app.store.keep([track(20_001)])
    assert talk(app)('/erddap/tabledap/tracks.csv0').count('\n') == 20_002
    app.store.close()


def test_a_shared_answer_reaches_each_reader_whole(tmp_path):
    """Through real uWSGI, which hands out one file to all of them, each from its own place."""
    with contextlib.closing(data.Store(tmp_path, dawn)) as store:
        store.keep([(f'boat{n % 30}', 1_000_000_000 + n, n / 7, 2.0, 0.0) for n in range(90_000)])
    server = Server('data', tmp_path).start()
    answers = []

    def ask():
        answers.append(server.say('/erddap/tabledap/tracks.json'))
    asking = [threading.Thread(target=ask) for _ in range(10)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    server.stop()
    assert len(set(answers)) == 1
    assert answers[0].count('Z",') == 90_000
    assert answers[0].endswith(']\n}\n}\n')


def test_a_quick_answer_is_never_old(tmp_path):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    say = talk(app)
    for second in range(20):
        app.store.keep([track(second)])
        assert say('/erddap/tabledap/tracks.csv0').count('\n') == second + 1
    assert len(app.store.turns.shared) <= 1             # what nobody needs any more is cleared
    app.store.close()


def test_an_answer_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(second) for second in range(60_000)])
    monkeypatch.setattr(data, 'MOST_SECONDS', 0.0)
    reply = talk(app)('/erddap/tabledap/tracks.csv')
    assert reply.startswith('Error {\n    code=503;\n    message="Service Unavailable: This answer took longer')
    assert reply.headers['Retry-After']
    app.store.close()


def test_alone_it_serves_the_file_of_a_game_and_a_taken_port_is_one_sentence(tmp_path, store):
    import http.client

    from conftest import free_port
    store.keep([track(5)])
    port = free_port()
    environment = {**os.environ, 'PORT': str(port), 'STATE_DIRECTORY': str(tmp_path)}
    command = [sys.executable, str(ROOT / 'data.py')]

    def ask(path):
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
        try:
            connection.request('GET', path)
            return connection.getresponse().read().decode()
        except OSError:
            return ''
        finally:
            connection.close()
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            assert 'tracks' in poll(lambda: ask('/'))
            assert ask('/erddap/tabledap/tracks.csv0') == 'ada,1970-01-01T00:00:05Z,1.0,2.0,0.0\n'
            second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
            assert second.returncode == 1
            assert f'Port {port} is taken: is the data service running already?' in second.stderr
            assert 'Traceback' not in second.stderr
        finally:
            process.terminate()
    assert poll(lambda: not ask('/'))           # the child of Bottle's reloader goes with its parent


def test_the_title_page_is_the_table_of_contents():
    text = pathlib.Path(data.__file__).read_text()
    banners = [line.split()[2] for line in text.splitlines() if line.startswith('# --- ')]
    title = text.split('"""')[1]
    named = [word for word in title.split() if word in banners]
    assert banners == ['SETTINGS', *named, 'START']


# ---- columns that change between versions

SPEED = data.Variable('speed', 'number', 'km s-1', {'long_name': 'Speed of the boat'})


def with_columns(monkeypatch, dataset):
    """The next version of the program: one dataset has other columns. All that is made of it is made anew."""
    kept = tuple(dataset if each.id == dataset.id else each for each in data.KEPT)
    monkeypatch.setattr(data, dataset.id.upper(), dataset)
    monkeypatch.setattr(data, 'KEPT', kept)
    monkeypatch.setitem(data.DATASETS, dataset.id, dataset)


@pytest.fixture
def old_file(tmp_path):
    """Two rows, written by today's version."""
    with contextlib.closing(data.Store(tmp_path, dawn)) as store:
        store.keep([track(1), track(2)])
    return tmp_path / 'data.sqlite'


@pytest.fixture
def faster(monkeypatch):
    with_columns(monkeypatch, dataclasses.replace(data.TRACKS, variables=(*data.TRACKS.variables, SPEED)))


def test_a_new_column_comes_to_an_old_file(old_file, faster, tmp_path, capsys):
    with contextlib.closing(data.Store(tmp_path, dawn)) as store:
        store.keep([(*track(3), 7.5), track(4)])            # the game may not hand it over yet
    assert [row[5:] for row in rows(tmp_path)] == [(None,), (None,), (7.5,), (None,)]
    assert 'tracks has a new column, speed' in capsys.readouterr().err
    assert not list(tmp_path.glob('data.sqlite.*'))         # nothing was set aside
    say = talk(data.make_app(tmp_path))
    assert say('/erddap/tabledap/tracks.csv0?time,speed&speed!=NaN') == '1970-01-01T00:00:03Z,7.5\n'
    assert say('/erddap/tabledap/tracks.csv0?speed&time<2') == 'NaN\n'


COLUMN_QUESTIONS = [        # where a new column must show, and what is seen there
    ('tabledap/tracks.csvp', 'z (m),speed (km s-1)\n'), ('tabledap/tracks.dds', '    Float64 speed;\n'),
    ('tabledap/tracks.das', 'String long_name "Speed of the boat"'),
    ('info/tracks/index.csv', 'variable,speed,,double,\n'),
    ('tabledap/tracks.json?time,speed', '"columnUnits": ["UTC", "km s-1"]'),
    ('tabledap/tracks.html', '<th scope="col">speed</th>'),
    ('tabledap/tracks.csv0?speed&distinct()', 'NaN\n'), ('tabledap/tracks.csv0?player,time&speed=NaN', 'ada,'),
    ('tabledap/tracks.csv0?time,x&orderByMax("time")', '1970-01-01T00:00:02Z,1.0\n'),
]


def test_a_column_is_added_in_one_place(old_file, faster, tmp_path):
    """A Variable at the end of a Dataset: everything else follows, also for whoever only reads an old file."""
    say = talk(data.make_app(tmp_path))
    for path, seen in COLUMN_QUESTIONS:
        assert seen in say('/erddap/' + path), path


def test_a_new_column_of_texts_is_empty_in_old_rows(old_file, tmp_path, monkeypatch):
    crew = data.Variable('crew', 'text', '')
    with_columns(monkeypatch, dataclasses.replace(data.TRACKS, variables=(*data.TRACKS.variables, crew)))
    for _ in 'only read', 'written, too':
        app = data.make_app(tmp_path)
        say = talk(app)
        assert say('/erddap/tabledap/tracks.csv0?time,crew&time<2') == '1970-01-01T00:00:01Z,\n'
        assert say('/erddap/tabledap/tracks.json?crew&distinct()').json()['table']['rows'] == [['']]
        for kind in ('nc', 'dods'):
            assert talk(app, raw=True)(f'/erddap/tabledap/tracks.{kind}').status == 200
        with contextlib.closing(app.store):
            app.store.keep([track(3)])


def test_a_whole_new_table_is_empty_for_who_only_reads(old_file, tmp_path, monkeypatch):
    with sqlite3.connect(old_file) as db:
        db.execute('DROP TABLE soundings')
    db.close()
    say = talk(data.make_app(tmp_path))
    assert say('/erddap/tabledap/soundings.csv').status == 404
    assert say('/erddap/griddap/bathymetry.csv0?depth[0][0]') == '5.0,5.0,NaN\n'
    assert say('/erddap/tabledap/tracks.csv0?time').count('\n') == 2


MISFITS = [         # the table as the file has it, why it is set aside ('' if it is not)
    ('x REAL, y REAL, z REAL, crew TEXT', ''), ("x REAL, y REAL, z REAL, crew TEXT NOT NULL DEFAULT 'one'", ''),
    ('x REAL, y REAL', ''), ('x REAL NOT NULL, y REAL NOT NULL, z REAL NOT NULL', ''),
    ('x REAL, y REAL, z REAL, crew TEXT NOT NULL', 'tracks.crew is not known here'),
    ('x TEXT, y REAL, z REAL', 'tracks.x is TEXT, not REAL'),
]


@pytest.mark.parametrize(('columns', 'why'), MISFITS)
def test_a_file_that_takes_no_more_rows_is_set_aside(tmp_path, capsys, columns, why):
    with sqlite3.connect(tmp_path / 'data.sqlite') as db:
        db.execute(f'CREATE TABLE tracks (player TEXT NOT NULL, time INTEGER NOT NULL, {columns})')
    db.close()
    with contextlib.closing(data.Store(tmp_path, dawn)) as store:
        store.keep([track(3)])
        assert len(rows(tmp_path)) == 1
        assert talk(data.make_app(store=store))('/erddap/tabledap/tracks.csv0?time,z') == '1970-01-01T00:00:03Z,0.0\n'
    assert len(list(tmp_path.glob('data.sqlite.other-columns-*[0-9]'))) == bool(why)
    assert ('data.sqlite is of another version: ' + why in capsys.readouterr().err) == bool(why)


def test_a_row_that_is_too_long_says_which_columns_there_are(store):
    with pytest.raises(ValueError, match='tracks was handed 6 values.*has the columns player, time, x, y, z'):
        store.keep([(*track(1), 7.5)])


def test_the_game_hands_over_a_value_for_each_column(tmp_path):
    """When this fails, data.py has a column that mocean.py knows nothing of: it is NaN until the game tells it."""
    from conftest import Inside
    game = Inside('mocean', tmp_path)
    id = game.say('/join?name=ada').split(',')[0]
    game.say(f'/move?id={id}&heading=north')
    game.say(f'/ping?id={id}')
    tracks, soundings, _ = importlib.import_module('mocean').measured(game.app.sea)
    game.close()
    assert tracks
    assert soundings
    for dataset, handed in zip(data.KEPT, (tracks, soundings), strict=True):
        names = [variable.name for variable in dataset.variables]
        for row in handed:
            missing = names[len(row):]
            assert not missing, f'mocean.py hands over no {missing} for {dataset.id}'
            assert len(row) == len(names), f'mocean.py hands over more than {names} for {dataset.id}'


# ---- what is kept has limits

def kept(folder, table='tracks'):
    return [row[1] for row in rows(folder, table)]


def test_the_oldest_rows_go_when_there_are_too_many(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('MOCEAN_DATA_MB', '1')
    monkeypatch.setattr(data, 'PRUNE_ROWS', 500)
    with contextlib.closing(data.Store(tmp_path, dawn)) as store:
        store.keep([track(second) for second in range(5_000)], [track(second) for second in range(2_500)])
        for second in range(5_000, 30_000, 250):
            store.keep([track(second + i) for i in range(250)])
            assert data.used_bytes(store.db) < 1_100_000
        assert kept(tmp_path)[-1] == 29_999
        assert kept(tmp_path)[0] > 5_000
        assert kept(tmp_path, 'soundings') == []            # they were older than what is kept of the tracks
    assert capsys.readouterr().err.count('has reached 1 MB (MOCEAN_DATA_MB): the oldest rows go') == 1
    assert (tmp_path / 'data.sqlite').stat().st_size < 1_500_000


CLOCKS = [          # days that the clock is ahead, days to keep: nothing may go
    (730, 365), (3_650, 365), (200, 365), (140, 365), (730, 30), (60, 30), (365, 7), (40, 7),
]


@pytest.mark.parametrize(('ahead', 'keep'), CLOCKS)
def test_a_wrong_clock_prunes_nothing(tmp_path, monkeypatch, capsys, ahead, keep):
    """A club that meets each week, for a year; then the clock is wrong, for one afternoon and after a restart."""
    monkeypatch.setenv('MOCEAN_DATA_DAYS', str(keep))
    now = 1_800_000_000
    with contextlib.closing(data.Store(tmp_path, lambda: now)) as store:
        store.keep([track(now - day * DAY) for day in range(0, min(keep, 364), 7)])
        before = len(rows(tmp_path))
        now += ahead * DAY
        for _ in range(3):
            now += 2 * data.PRUNE_EVERY_SECONDS
            store.keep([track(now)])
    with contextlib.closing(data.Store(tmp_path, lambda: now)) as store:
        store.keep([track(now)])
    assert len(rows(tmp_path)) == before + 4
    assert 'is the clock right? Old rows stay' in capsys.readouterr().err


def test_a_club_that_meets_each_week_is_pruned_after_a_year(tmp_path):
    now = 1_800_000_000
    with contextlib.closing(data.Store(tmp_path, lambda: now)) as store:
        for _ in range(70):
            now += 7 * DAY
            store.keep([track(now)])
    assert kept(tmp_path)[0] >= now - 365 * DAY
    assert len(kept(tmp_path)) in (52, 53)


def test_what_sqlite_sorts_on_the_disk_counts_too(tmp_path, monkeypatch, every_answer_is_long):
    """Neither a spool nor SQLite's own files for sorting may take the last of the disk."""
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(second) for second in range(60_000)])
    asked, room = [], shutil.disk_usage(tmp_path)

    def usage(folder):
        asked.append(str(folder))
        return room._replace(free=0 if folder == '/' else 10**12)
    monkeypatch.setattr(data.shutil, 'disk_usage', usage)
    monkeypatch.setenv('SQLITE_TMPDIR', '/')
    reply = talk(app)('/erddap/tabledap/tracks.csv0?x&distinct()&time>=0')
    assert reply.startswith('Error {\n    code=503;\n    message="Service Unavailable: The disk')
    assert {'/', str(tmp_path)} == set(asked)
    app.store.close()


# ---- what is summed up once and then kept up to date

def depth_at(app, row=0, column=0):
    return talk(app)(f'/erddap/griddap/bathymetry.csv0?depth[{row}][{column}]').strip().split(',')[2]


def test_the_grid_looks_at_new_soundings_only(tmp_path):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    looked = []
    digest = app.store.floor
    add = digest.add
    digest.add = lambda known, new: (looked.append(sum(row[2] for row in new)), add(known, new))[1]
    for second, depth in enumerate((10.0, 20.0, 60.0)):
        app.store.keep([], [('ada', second, 5.0, 5.0, depth)])
        depth_at(app)
    assert looked == [1, 1, 1]
    assert depth_at(app) == '30.0'
    assert looked == [1, 1, 1]
    app.store.close()


def test_a_sounding_that_was_pruned_is_no_longer_in_the_grid(tmp_path, monkeypatch):
    monkeypatch.setenv('MOCEAN_DATA_DAYS', '7')
    now = 1_800_000_000
    app = data.make_app(store=data.Store(tmp_path, lambda: now))
    app.store.keep([], [('ada', now, 5.0, 5.0, 10.0)])
    assert depth_at(app) == '10.0'
    now += 8 * DAY
    app.store.keep([], [('ada', now, 5.0, 5.0, 30.0)])
    assert depth_at(app) == '30.0'
    info = talk(app)('/erddap/info/soundings/index.csv')
    assert f'attribute,time,actual_range,double,"{now}.0, {now}.0"\n' in info
    app.store.close()


def test_who_is_forgotten_is_in_no_sum_and_in_no_kept_answer(tmp_path, every_answer_is_long):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([track(1, 'ada', 5.0), track(1, 'bob', 50.0)], [('ada', 1, 5.0, 5.0, 10.0)])
    say = talk(app)
    question = '/erddap/tabledap/tracks.csv0?player,x'
    assert say(question) == 'ada,5.0\nbob,50.0\n'
    assert 'attribute,x,actual_range,double,"5.0, 50.0"' in say('/erddap/info/tracks/index.csv')
    app.store.rename(lambda player: player == 'ada')
    assert say(question) == 'bob,50.0\n'
    assert 'attribute,x,actual_range,double,"50.0, 50.0"' in say('/erddap/info/tracks/index.csv')
    assert say('/erddap/tabledap/soundings.csv0?player') == 'somebody\n'
    app.store.close()


def test_who_is_forgotten_is_in_no_file_even_where_somebody_was_reading(store, tmp_path):
    store.keep([track(1, 'Ermintrude'), track(1, 'bob')], [('Ermintrude', 1, 5.0, 5.0, 10.0)])
    reader = store.connect()
    cursor = reader.execute('SELECT * FROM tracks')
    cursor.fetchone()                                   # a question in the middle of its answer
    store.rename(lambda player: player == 'Ermintrude')
    cursor.close()
    reader.close()
    store.keep([track(2, 'bob')])
    assert b'Ermintrude' not in b''.join(file.read_bytes() for file in tmp_path.iterdir())


def test_an_ocean_that_came_back_has_its_own_sea_floor(tmp_path):
    """A copy of the same file, with as many rows: only the store knows that it is another one."""
    old, aside = tmp_path / 'old', tmp_path / 'aside'
    old.mkdir()
    aside.mkdir()
    app = data.make_app(store=data.Store(tmp_path, dawn))
    app.store.keep([], [('ada', 1, 5.0, 5.0, 10.0)])
    app.store.save(old)
    app.store.keep([], [('ada', 2, 5.0, 5.0, 20.0)])
    assert depth_at(app) == '15.0'
    app.store.renew(aside, old)
    app.store.keep([], [('ada', 2, 5.0, 5.0, 50.0)])
    assert depth_at(app) == '30.0'
    app.store.close()


def test_another_file_is_another_sea_floor(tmp_path):
    app = data.make_app(store=data.Store(tmp_path, dawn))
    for depth in (10.0, 20.0, 30.0):
        app.store.keep([], [('ada', 5, 5.0, 5.0, depth)])
        assert depth_at(app) == str(depth)
        if depth < 15:
            (tmp_path / 'aside').mkdir()
            app.store.renew(tmp_path / 'aside')
        else:
            for file in tmp_path.glob('data.sqlite'):
                file.unlink()
            app.store.close()
            for file in tmp_path.glob('data.sqlite*'):
                file.unlink()
    app.store.close()


# ---- the game's soundings: none lost, none twice

def pinged(say, times):
    """A boat that has sounded so often: how many soundings the data service has afterwards."""
    id = join(say)
    for _ in range(times):
        say.app.sea.clock.start -= 1                     # a second passes
        assert say(f'/ping?id={id}').status == 200
    return id


def kept_soundings(say):
    reply = say('/erddap/tabledap/soundings.csv0')
    return reply.count('\n') if reply.status == 200 else 0


def test_soundings_that_were_answered_are_kept_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module('mocean'), 'SYNC_S', 1e6)         # nobody tends the sea
    with woken(tmp_path / 'live') as say:
        pinged(say, 3)
        assert kept_soundings(say) == 0
        killed = as_killed(say, tmp_path / 'killed')
    with woken(killed) as say:
        say('/health')
        for _ in range(3):
            importlib.import_module('mocean').tend(say.app.sea)
            assert kept_soundings(say) == 3


def test_a_kill_between_the_two_files_keeps_no_sounding_twice(tmp_path, monkeypatch):
    mocean = importlib.import_module('mocean')
    monkeypatch.setattr(mocean, 'SYNC_S', 1e6)
    with woken(tmp_path / 'live') as say:
        pinged(say, 3)
        killed = as_killed(say, tmp_path / 'killed')     # the game has not heard that they are kept
        mocean.tend(say.app.sea)
        assert kept_soundings(say) == 3
        say.app.sea.riders[-1].end()
        for file in say.folder.glob('data.sqlite*'):
            shutil.copy(file, killed)
    with woken(killed) as say:
        say('/health')
        mocean.tend(say.app.sea)
        assert kept_soundings(say) == 3


def test_soundings_wait_while_the_file_cannot_be_written(tmp_path, monkeypatch):
    mocean = importlib.import_module('mocean')
    monkeypatch.setattr(mocean, 'SYNC_S', 1e6)
    with woken(tmp_path / 'live') as say:
        pinged(say, 2)
        (say.folder / 'data.sqlite').mkdir()             # in the way, for root too
        for _ in range(2):
            mocean.tend(say.app.sea)
        assert len(say.app.sea.ocean.soundings) == 2
        (say.folder / 'data.sqlite').rmdir()
        for _ in range(2):
            mocean.tend(say.app.sea)
            assert kept_soundings(say) == 2
        assert not say.app.sea.ocean.soundings
