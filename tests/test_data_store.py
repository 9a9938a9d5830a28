"""The file that the measurements are kept in: what kill -9, a full disk, damage and time do to it."""
import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from conftest import ROOT, mounted, poll

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
    aside, = (file for file in tmp_path.iterdir() if '.damaged-' in file.name and file.name.endswith('Z'))
    assert aside.read_bytes() == broken
    assert 'is set aside as data.sqlite.damaged-19700101T000000Z' in capsys.readouterr().err
    assert [row[1] for row in rows(tmp_path)] == [9000]
    assert say('/erddap/tabledap/tracks.csv').status == 200
    app.store.close()


def talk(app):
    from conftest import Answer
    from webtest import TestApp
    web = TestApp(app)

    def say(path):
        reply = web.get(path, expect_errors=True)
        return Answer.of(reply.status_int, reply.headers, reply.body)
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
    assert kept[:5000] == list(range(5000)) or list(tmp_path.glob('data.sqlite.damaged-*Z'))


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


def test_a_new_ocean_gets_a_new_file_and_the_old_one_stays(store, tmp_path):
    store.begin_anew()                                  # nothing there yet: nothing to set aside
    store.keep([track(1)])
    store.begin_anew()
    store.keep([track(2)])
    assert [row[1] for row in rows(tmp_path)] == [2]
    old = tmp_path / 'data.sqlite.old-ocean-19700101T000000Z'
    db = sqlite3.connect(old)
    assert db.execute('SELECT time FROM tracks').fetchall() == [(1,)]
    db.close()


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
            assert f'Port {port} cannot be used' in second.stderr
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
