"""What can go wrong on the VM, done on purpose, one after the other: each time the game is back within its
bound, nothing that was answered is lost, and `mocean_why` says what it was."""
import concurrent.futures
import contextlib
import http.client
import re
import socket
import statistics
import subprocess
import threading
import time

import pytest
import requests
from conftest import ROOT, Answer, free_port, place, poll

pytestmark = pytest.mark.systemd
GAME = 'http://127.0.0.1:8080'
STATE = '/var/lib/mocean'
LIMIT_S = 10                                   # as long may a request hold the ocean
PAGE_LIMIT_S = 30                              # and as long may one take that does not


def get(path, timeout=30):
    """One request, on a connection of its own."""
    connection = http.client.HTTPConnection('127.0.0.1', 8080, timeout=timeout)
    with contextlib.closing(connection):
        connection.request('GET', path)
        reply = connection.getresponse()
        return Answer.of(reply.status, reply.getheaders(), reply.read())


def names(word, count):
    """word + a, b, ... z, ba, bb: names are letters."""
    letters = 'abcdefghijklmnopqrstuvwxyz'
    return [f'{word}{letters[i // 26]}{letters[i % 26]}' for i in range(count)]


@contextlib.contextmanager
def asking(path):
    """Meanwhile somebody asks for this, and may wait in vain."""
    def ask():
        with contextlib.suppress(OSError, http.client.HTTPException):
            get(path)
    thread = threading.Thread(target=ask)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def traps(vm):
    """The game with the routes of traps.py, put in by a reload, as a teacher would."""
    vm.put('/home/ubuntu/my_routes.py', (ROOT / 'tests' / 'traps.py').read_text())
    try:
        vm.sh('systemctl reload-or-restart mocean')
        poll(lambda: get('/trap?kind=sleeps').status == 200)
        vm.mark()
        yield vm
    finally:
        vm.sh('rm /home/ubuntu/my_routes.py; systemctl restart mocean')


# ---------------------------------------------------------------- processes that are killed


def aboard(name):
    """A boat, as soon as the ocean has room: only so many may join in a second."""
    return poll(lambda: [reply for reply in [get(f'/join?name={name}')] if reply.status == 200])[0].split(',')[0]


def crew(word, count=20):
    ids = [aboard(name) for name in names(word, count)]
    return {id: place(get, id) for id in ids}


def all_there(boats, word):
    """Everybody is where they were, and no boat is given out twice."""
    assert {id: place(get, id) for id in boats} == boats
    assert aboard(f'{word}late') not in boats


def test_1_a_killed_worker_is_back_in_two_seconds_with_all_boats(vm):
    boats = crew('Worker', 60)
    worker, _ = vm.children()
    vm.sh(f'kill -9 {worker}')
    poll(vm.answers, 2)
    all_there(boats, 'Worker')
    assert 'The worker was killed' in vm.user('mocean_why')


@pytest.mark.parametrize('signal, why', [('KILL', 'The master was killed'),
                                         ('SEGV', 'uWSGI itself crashed (Segmentation Fault)')])
def test_2_a_killed_master_is_back_in_three_seconds_with_all_boats(vm, signal, why):
    boats, master = crew(signal), vm.master()
    vm.sh(f'kill -{signal} {master}')
    poll(lambda: vm.master() not in (master, 0) and vm.answers(), 3)
    all_there(boats, signal)
    assert why in vm.user('mocean_why')


def test_3_a_killed_router_is_back_in_two_seconds(vm):
    boats = crew('Router')
    _, router = vm.children()
    vm.sh(f'kill -9 {router}')
    poll(vm.answers, 2)
    all_there(boats, 'Router')
    assert 'The router' in vm.user('mocean_why')


def test_kills_under_load_lose_nothing_that_was_answered(vm):
    stop, answered = threading.Event(), {}

    def sail(id):
        while not stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                reply = get(f'/move?id={id}&heading=north', timeout=5)
                if reply.status == 200:
                    answered[id].append(reply.split(',')[1])
            time.sleep(0.02)

    boats = [aboard(name) for name in names('Load', 8)]
    answered.update({id: [place(get, id)[1]] for id in boats})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sailing = [pool.submit(sail, id) for id in boats]
        try:
            for process in ('worker', 'master', 'worker'):
                enough = sum(map(len, answered.values())) + 50
                poll(lambda: sum(map(len, answered.values())) > enough)                         # noqa: B023
                vm.sh(f'kill -9 {vm.master() if process == "master" else vm.children()[0]}')
                poll(vm.answers, 4)
        finally:
            stop.set()
    for sailed in sailing:
        sailed.result()
    for id in boats:                            # one move may have been done and not been answered
        assert int(place(get, id)[1]) - int(answered[id][-1]) in range(0, 4), answered[id][-3:]


# ---------------------------------------------------------------- stops and starts


@pytest.mark.parametrize('trap', ['sleeps', 'loops'])
def test_4_a_busy_game_stops_in_five_seconds(traps, trap):
    with asking(f'/trap?kind={trap}'):
        traps.sh('sleep 0.3; systemctl stop mocean', timeout=5)
    assert traps.state() == 'inactive'


def test_a_stop_answers_whatever_it_has_done(vm):
    """Three times, for one that does not would pass now and then; a stop that had to be cut short does not count."""
    def sail(id, far):
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                reply = get(f'/move?id={id}&heading=north&steps=3')
                far = reply.split(',')[1] if reply.status == 200 else far
        return far

    boats = [aboard(name) for name in names('Stop', 8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        whole = 0
        for _ in range(10):
            sailing = [pool.submit(sail, id, place(get, id)[1]) for id in boats]
            time.sleep(0.7)
            began = time.monotonic()
            vm.sh('systemctl stop mocean')
            patient = time.monotonic() - began < 2
            told = [sailed.result() for sailed in sailing]
            vm.sh('systemctl start mocean')
            assert [place(get, id)[1] for id in boats] == told or not patient
            whole += patient
            if whole == 3:
                break


def test_11_a_reload_loses_no_request(vm):
    stop, wrong = threading.Event(), []

    def play(id):
        turns = 0
        while not stop.is_set():
            try:
                reply = get(f'/location?id={id}')
                wrong.extend([] if reply.status == 200 else [reply])
            except (OSError, http.client.HTTPException) as problem:
                wrong.append(problem)
            turns += 1
        return turns

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        playing = [pool.submit(play, aboard(name)) for name in names('Reload', 20)]
        try:
            for _ in range(3):
                worker, _ = vm.children()
                vm.user('mocean_reload')
                assert vm.children()[0] != worker
        finally:
            stop.set()
    assert wrong == []
    assert sum(played.result() for played in playing) > 100


def test_11_a_file_with_a_mistake_is_not_reloaded(vm):
    vm.sh('rm /home/ubuntu/mocean.py')
    vm.put('/home/ubuntu/mocean.py', 'def x(:')
    try:
        worker, _ = vm.children()
        vm.fails('mocean_reload')
        assert 'A reload was refused: SyntaxError: invalid syntax (mocean.py, line 1). The old' in vm.user('mocean_why')
        assert vm.answers() and vm.children()[0] == worker
    finally:
        vm.sh('ln -sfn mocean/mocean.py /home/ubuntu/mocean.py')


def test_12_a_file_with_a_mistake_does_not_start_and_is_up_once_mended(vm):
    vm.sh('rm /home/ubuntu/mocean.py')
    vm.put('/home/ubuntu/mocean.py', 'import nothing_of_that_name')
    try:
        assert 'failed' in vm.fails('mocean_restart')
        assert 'mocean did not start: the lines above say why' in vm.journal()
        mistake = "ModuleNotFoundError: No module named 'nothing_of_that_name' (mocean.py, line 1"
        assert f'could not be loaded: {mistake}' in vm.user('mocean_why')
    finally:
        vm.sh('ln -sfn mocean/mocean.py /home/ubuntu/mocean.py')
    poll(vm.answers, 3)


def test_13_a_port_that_is_taken_is_named_and_the_game_is_up_once_it_is_free(vm):
    vm.sh('systemctl stop mocean')
    vm.sh('systemd-run --quiet --unit squatter --service-type exec /usr/bin/python3 -m http.server 8080')
    try:
        poll(lambda: vm.sh('ss -Hltn sport = :8080'))
        assert 'failed' in vm.fails('mocean_start')
        assert 'Port 8080 was taken by another program' in vm.user('mocean_why')
        assert 'Port 8080 belongs to another program: "python3"' in vm.user('mocean_doctor')
    finally:
        vm.sh('systemctl stop squatter')
    poll(vm.answers, 3)


def test_a_missing_environment_is_named_tried_again_and_the_game_is_up_once_it_is_there(vm):
    vm.sh('mv /home/ubuntu/miniconda /home/ubuntu/elsewhere')
    try:
        assert 'failed' in vm.fails('mocean_restart')
        assert 'There is no uwsgi' in vm.user('mocean_why')
        assert 'uWSGI cannot be run' in vm.user('mocean_doctor')
        poll(lambda: int(vm.sh('systemctl show --value --property NRestarts mocean')) >= 7, 15)    # it never gives up
    finally:
        vm.sh('mv /home/ubuntu/elsewhere /home/ubuntu/miniconda')
    poll(vm.answers, 3)


@pytest.mark.parametrize('line, why', [
    ('User=nobodyhere', 'The unit names a user who does not exist'),
    ('WorkingDirectory=/nowhere', 'The unit names a folder that is not there'),
    (r'ExecStart=\nExecStart=/usr/bin/env uwsgi --nonsense', "unrecognized option '--nonsense'.")])
def test_a_mistake_in_the_unit_is_named(vm, line, why):
    folder = '/run/systemd/system/mocean.service.d'
    vm.sh(f'mkdir -p {folder}; printf "[Service]\n{line}\n" > {folder}/mistake.conf')
    try:
        vm.user('mocean_daemon')
        assert 'failed' in vm.fails('mocean_restart')
        told = vm.user('mocean_why')
        assert why in told and ('setup_vm.sh writes the unit for your user' in told or 'option' in why)
    finally:
        vm.sh(f'rm -r {folder}; systemctl daemon-reload; systemctl restart mocean')
    assert vm.answers()


def test_15_a_second_game_on_the_same_ocean_is_refused_loudly(vm):
    id, port = aboard('Second'), free_port()
    here = place(get, id)
    said = vm.user(f'cd; mocean_activate; STATE_DIRECTORY={STATE} timeout -s KILL 5 '
                   f'uwsgi --http :{port} --wsgi-file mocean.py --master --lazy-apps --need-app & '
                   f'sleep 1.5; curl -s http://127.0.0.1:{port}/join?name=Twin; wait')
    assert 'another process' in said.lower()
    assert place(get, id) == here and vm.answers()


# ---------------------------------------------------------------- mistakes in a route


@pytest.mark.parametrize('trap', ['loops', 'hangs'])
def test_5_a_request_that_never_ends_is_ended(traps, trap):
    worker, _ = traps.children()
    with asking(f'/trap?kind={trap}'):
        poll(lambda: traps.children()[0] not in (worker, 0) and traps.answers(), LIMIT_S + 3)
    why = traps.user('mocean_why')
    assert 'A request did not end' in why
    assert re.search(rf'Look for a loop at my_routes.py, line \d+, in {trap}.$', why, re.M)


def test_5_a_page_that_never_ends_hurts_nobody_and_is_ended(traps):
    """It does not hold the ocean: the others play on, until its time is over. A rule that has closed the log before
    does not make it any shorter."""
    worker, _ = traps.children()
    assert get('/trap?kind=closes').status == 200
    began = time.monotonic()
    with asking('/page?kind=loops'):
        time.sleep(1)
        assert all(get('/health').status == 200 for _ in range(20)) and traps.children()[0] == worker
        poll(lambda: traps.children()[0] not in (worker, 0) and traps.answers(), PAGE_LIMIT_S + 3, pause=0.2)
        assert time.monotonic() - began > 2 * LIMIT_S
    why = traps.user('mocean_why')
    assert 'A request did not end' in why
    assert re.search(r'Look for a loop at my_routes.py, line \d+, in loops.$', why, re.M)


STEPS = '''
import importlib.util
spec = importlib.util.spec_from_file_location('game', '/home/ubuntu/mocean/steps.py')
game = importlib.util.module_from_spec(spec)
spec.loader.exec_module(game)
'''
LOOP = STEPS + '''
def application(environ, start_response):
    while environ['PATH_INFO'] == '/loops':
        pass
    return game.application(environ, start_response)
'''
BROKEN = STEPS + '''
def breaks(**texts):
    assert not "possible"

app = game.make_app()
app.get('/breaks', callback=breaks, takes=(), changes=False)
application = game.wsgi(app)
'''


def test_5_a_puzzle_that_never_ends_is_ended(vm):
    vm.sh('rm /home/ubuntu/steps.py')
    vm.put('/home/ubuntu/steps.py', LOOP)
    try:
        vm.sh('systemctl start steps')
        with asking('/loops'):
            poll(lambda: 'HARAKIRI' in vm.journal('steps'), LIMIT_S + 3)
            poll(lambda: vm.answers('/steps'), 3)
        why = vm.user('steps_why')
        assert 'A request did not end' in why and 'Look for a loop at /loops.' in why
    finally:
        vm.sh('ln -sfn mocean/steps.py /home/ubuntu/steps.py; systemctl start mocean')


@pytest.mark.parametrize('trap', ['crashes', 'exits', 'leaves'])
def test_6_a_crash_in_a_route_does_not_hurt_the_others(traps, trap):
    boats = crew('Crash' + trap[0] + trap[-3:], 10)
    with asking(f'/trap?kind={trap}'):
        poll(traps.answers, 2)
    poll(traps.answers, 2)
    all_there(boats, 'Crash' + trap[0] + trap[-3:])
    if trap == 'crashes':
        why = traps.user('mocean_why')
        assert 'crashed in C code (Segmentation fault)' in why
        assert re.search(r'It was called at my_routes.py, line \d+, in crashes.$', why, re.M)
    if trap == 'exits':
        assert 'The worker ended by itself' in traps.user('mocean_why')


def test_7_a_mistake_in_a_route_is_answered_in_words(traps):
    reply = get('/trap?kind=fails')
    assert reply.status == 500 and len(reply) > 10 and 'Traceback' not in reply
    assert 'ValueError: a trap' in traps.journal()
    why = traps.user('mocean_why')
    assert re.search(r'A request met a bug: ValueError: a trap \(my_routes.py, line \d+, in fails\)', why)


def test_7_a_mistake_in_a_puzzle_is_told_by_steps_why(vm):
    vm.sh('rm /home/ubuntu/steps.py')
    vm.put('/home/ubuntu/steps.py', BROKEN)
    try:
        vm.sh('systemctl start steps')
        assert get('/breaks').status == 500
        assert 'A request met a bug: AssertionError (steps.py, line' in vm.user('steps_why')
    finally:
        vm.sh('ln -sfn mocean/steps.py /home/ubuntu/steps.py; systemctl start mocean')


def test_what_a_player_says_does_not_fool_mocean_why(vm):
    """The words of a player reach the journal, too; mocean_why must not take them for uWSGI's."""
    vm.sh('systemctl start steps')
    before = vm.user('steps_why').partition('Now:')[0]
    for words in ('steps halted: systemd says timeout', 'DAMN ! worker 1', 'the disk refuses', 'met a bug:',
                  'x cannot be read ('):
        get('/steps?message=' + words.replace(' ', '%20'))
    poll(lambda: 'Server received message: x cannot be read (' in vm.journal('steps'))
    assert vm.user('steps_why').partition('Now:')[0] == before
    vm.sh('systemctl start mocean')


def test_a_route_that_eats_all_memory_costs_only_its_worker(traps):
    boats = crew('Memory', 10)
    with asking('/trap?kind=swells'):
        poll(lambda: 'DAMN' in traps.journal(), 20)
    poll(traps.answers, 3)
    all_there(boats, 'Memory')
    why = traps.user('mocean_why')
    assert 'Out of memory: since the last start the kernel killed' in why
    assert 'it was memory. The last lines before it:' in why and '                   Memory' in why
    assert re.search('and the last call that was done: Memory[a-z]+ called join$', why, re.M)


# ---------------------------------------------------------------- clients


def test_8_a_session_of_requests_loses_nothing(vm):
    with requests.Session() as session:
        for _ in range(3000):
            assert session.get(f'{GAME}/health').status_code == 200


def test_9_long_addresses(vm):
    for length in 1800, 4000, 16000:
        assert get('/health?x=' + 'x' * length).status in (200, 400), length
    with contextlib.suppress(OSError, http.client.HTTPException):
        assert get('/health?x=' + 'x' * 20000).status >= 400
    assert vm.answers()


def test_10_slow_and_silent_clients_are_not_noticed(vm):
    def connect(text):
        connection = socket.create_connection(('127.0.0.1', 8080))
        connection.sendall(text)
        return connection

    post = b'POST /move HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nslowly'
    with contextlib.ExitStack() as stack:
        for text, count in ((post, 30), (b'GET /health HTTP/1.1\r\nHo', 200), (b'', 1300)):
            for _ in range(count):
                stack.enter_context(connect(text))
        waits = []
        for _ in range(30):
            began = time.monotonic()
            assert get('/health').status == 200
            waits.append(time.monotonic() - began)
    assert statistics.median(waits) < 0.1


WEIRD = ['HEAD /health HTTP/1.1\r\nHost: x', 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0',
         'GET /join?name=%00 HTTP/1.1\r\nHost: x', 'GET /join?name=%ff HTTP/1.1\r\nHost: x',
         'GET /%ff HTTP/1.1\r\nHost: x', 'GET /%00 HTTP/1.1\r\nHost: x', 'BREW /health HTTP/1.1\r\nHost: x',
         'POST /join HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked',
         'GET /health HTTP/1.1\r\nHost: x\r\nX: \xff\xfe',
         'GET /health', '\x16\x03\x01\x02garbage', '\x00' * 1000, 'GET /health HTTP/9.9']


def test_16_weird_requests_are_no_error_of_the_server(vm):
    for weird in WEIRD:
        with contextlib.suppress(ConnectionResetError, TimeoutError), \
                socket.create_connection(('127.0.0.1', 8080), timeout=2) as connection:
            connection.sendall(weird.encode('latin-1') + b'\r\n\r\n')
            status = connection.recv(100).partition(b' ')[2][:1]
            assert status != b'5', weird
        assert vm.answers(), weird


def test_ids_never_reach_the_journal(traps):
    id = aboard('Secret')
    for path in (f'/move?id={id}&heading=nroth', f'/trap?kind=fails&id={id}', f'/nonsense?id={id}', f'/join?name={id}',
                 f'/sendchat?id={id}&name=all&message=I+am+{id}', f'/trap?kind=exits&id={id}'):
        with contextlib.suppress(http.client.HTTPException, OSError):
            get(path)
    with socket.create_connection(('127.0.0.1', 8080)) as connection:       # somebody who does not wait for the reply
        connection.sendall(f'GET /trap?kind=sleeps&id={id} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
    with asking(f'/trap?kind=loops&id={id}'):
        poll(lambda: 'Timeout (0:' in traps.journal(), LIMIT_S + 3)
    poll(traps.answers)
    assert id not in traps.journal() and 'Secret joined' in traps.journal() and 'Secret says to all' in traps.journal()


# ---------------------------------------------------------------- the disk


DAMAGE = {'Half': """printf '{"half' >>""", 'Nulls': r"printf '\0\0\0\0\0\0\0\0' >>", 'Whole': 'ls',
          'Garbage': r"""sed -i '2a garbage\n{"number": "x"}\n[]'"""}


@pytest.mark.parametrize('word', DAMAGE)
def test_14_a_torn_journal_loads_and_the_next_record_survives(vm, word):
    boats = crew(word, 3)
    vm.sh(f"systemctl kill -s KILL mocean; systemctl stop mocean; {DAMAGE[word]} {STATE}/mocean.journal; "
          f"echo left over > {STATE}/mocean.json.new; systemctl start mocean")
    all_there(boats, word)
    vm.sh('systemctl kill -s KILL mocean; systemctl stop mocean; systemctl start mocean')
    all_there(boats, word + 'later')


def test_14_an_empty_or_missing_journal_is_no_problem(vm):
    boats = crew('Missing', 3)
    for do in f': > {STATE}/mocean.journal', f'rm {STATE}/mocean.journal':
        vm.sh(f'systemctl restart mocean; systemctl stop mocean; {do}; systemctl start mocean')
        assert {id: place(get, id) for id in boats} == boats


def test_14_a_state_that_cannot_be_read_is_set_aside_and_said(vm):
    boats = crew('Broken', 3)
    vm.sh(f'systemctl stop mocean; printf "{{ broken" > {STATE}/mocean.json; systemctl start mocean')
    assert {id: place(get, id) for id in boats} == boats
    assert 'mocean.json cannot be read' in vm.user('mocean_why')
    assert '{ broken' in vm.sh(f'cat {STATE}/mocean.json-*')


def test_a_full_disk_is_said_and_survived(vm):
    vm.sh(f'systemctl stop mocean; mount -t tmpfs -o size=1M,mode=700 full {STATE}')
    try:
        vm.sh('systemctl start mocean')
        id, sailor = aboard('Full'), aboard('Sailor')
        here = place(get, id)
        assert get(f'/accel?id={sailor}&ctrl=w').status == 200
        vm.sh(f'head -c 2M /dev/zero > {STATE}/filler', check=False)
        refused = poll(lambda: [reply for reply in [get(f'/move?id={id}&heading=north')] if reply.status == 503])
        assert 'disk' in refused[0]
        assert place(get, id)[0] == here[0]
        assert place(get, sailor)                                # who only looks is answered, also under sail
        assert get(f'/look?id={sailor}').status == 200
        vm.sh(f'rm {STATE}/filler')
        poll(lambda: get(f'/move?id={id}&heading=north').status == 200)
        assert 'The disk is full' in vm.user('mocean_why')
    finally:
        vm.sh(f'systemctl stop mocean; umount {STATE}; systemctl start mocean')


def test_a_start_that_never_ends_is_ended_and_tried_again(vm):
    vm.sh('rm /home/ubuntu/mocean.py; mkdir -p /run/systemd/system/mocean.service.d; '
          'printf "[Service]\nTimeoutStartSec=3\n" > /run/systemd/system/mocean.service.d/soon.conf')
    vm.put('/home/ubuntu/mocean.py', 'while True: pass')
    try:
        vm.user('mocean_daemon')
        assert 'failed' in vm.fails('mocean_restart')
        assert 'It did not start in time' in vm.user('mocean_why')
    finally:
        vm.sh('ln -sfn mocean/mocean.py /home/ubuntu/mocean.py; rm -r /run/systemd/system/mocean.service.d; '
              'systemctl daemon-reload; systemctl restart mocean')
    assert vm.answers()


def test_the_show(vm):
    """As a teacher would: start, play, kill the master, ask why, play on from the same cell."""
    vm.user('mocean_stop; mocean_start')
    id = aboard('Show')
    for heading in 'north', 'east', 'north':
        assert get(f'/move?id={id}&heading={heading}').status == 200
    here = place(get, id)
    master = vm.master()
    vm.user('mocean_kill')
    poll(lambda: vm.master() not in (master, 0) and vm.answers(), 4)
    assert 'The master was killed' in vm.user('mocean_why')
    assert place(get, id) == here
    assert get(f'/move?id={id}&heading=north').status == 200


def test_curl_is_all_that_one_needs(vm):
    done = subprocess.run(['curl', '-sS', f'{GAME}/join?name=Curl'], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and done.stdout.split(',')[1] == 'Curl'
