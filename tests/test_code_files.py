"""What the server hands out for /code: the right kinds, compressed, kept for ever, and nothing else."""
import gzip
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request

import pytest
from conftest import ROOT, free_port, poll, woken
from desk import need_pyodide

import mocean

MANIFEST = json.loads((ROOT / 'clients' / 'code' / 'pyodide.json').read_text(encoding='utf-8'))
VERSION = MANIFEST['version']


def fetch(server, path, **headers):
    """Bytes, as they come: (status, headers, body)."""
    request = urllib.request.Request(f'{server.url}{path}', headers=headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return reply.headers, reply.read()


@pytest.mark.parametrize('path, kind', [
    ('/code', 'text/html'), ('/code/page.js', 'text/javascript'), ('/code/code.css', 'text/css'),
    ('/code/room.html', 'text/html'), ('/code/browser.py', 'text/plain'), ('/code/pyodide.json', 'application/json'),
    ('/clients/first_client.py', 'text/plain')])
def test_the_parts_of_the_page_are_handed_out(say, path, kind):
    reply = say(path)
    assert reply.status == 200 and reply.headers['Content-Type'].startswith(kind)
    assert reply.headers['Access-Control-Allow-Origin'] == '*' and reply.headers['Cache-Control'] == 'no-store'
    assert reply.headers['X-Content-Type-Options'] == 'nosniff'


@pytest.mark.parametrize('path', [
    '/code/nothing.js', '/code/../mocean.py', '/code/..%2f..%2fmocean.py', '/code/%2e%2e/%2e%2e/mocean.py',
    '/clients/data.sqlite', '/clients/../mocean.py', '/pyodide/../mocean.py', '/pyodide/1.2/nothing.zip',
    '/clients/README.md', '/code/typed', '/code/typed?box=short&put=1'])
def test_nothing_else_is_handed_out(say, path):
    reply = say(path)
    assert reply.status == 404 and reply.lines[1].startswith('try: http')


def test_nothing_of_the_game_is_handed_out_where_the_clients_are_missing(tmp_path, monkeypatch):
    """The ocean lies beside a program that was copied alone, with everybody's id in it."""
    monkeypatch.setattr(mocean, 'HERE', tmp_path)
    (tmp_path / 'my_routes.py').write_text('')
    with woken(tmp_path) as say:
        assert say('/join?name=ada').status == 200
        for path in ('/code/mocean.json', '/map/mocean.json', '/clients/my_routes.py', '/pyodide/./mocean.json'):
            assert say(path).status == 404


def test_the_room_is_told_that_it_is_a_sandbox(server):
    for host in ('club.test:8080', '192.168.1.20:8080'):
        policy = server('/code/room.html', headers={'Host': host}).headers['Content-Security-Policy']
        assert policy.startswith('sandbox allow-scripts; ') and f'script-src http://{host} blob:' in policy
        assert 'allow-same-origin' not in policy and "'unsafe-inline'" not in policy and "'unsafe-eval'" not in policy


def test_a_typed_line_waits_in_its_box_until_it_is_taken(say):
    box = 'a' * 32
    assert say(f'/code/typed?box={box}-line') == ''
    for line in ('"first"', '"zweite Zeile: ü&?"'):
        assert say(f'/code/typed?box={box}-line&put={line.replace("&", "%26")}') == ''
    assert say(f'/code/typed?box={box}-event') == ''
    assert say(f'/code/typed?box={box}-line', method='HEAD').status == 200                   # takes nothing out
    assert [say(f'/code/typed?box={box}-line') for _ in range(3)] == ['"first"', '"zweite Zeile: ü&?"', '']


def test_boxes_are_few_and_small(say):
    from mocean import BOX_LETTERS, BOX_LINES, BOXES
    first = f'{0:032x}-line'
    assert say(f'/code/typed?box={first}&put=' + 'x' * (BOX_LETTERS + 1)).status == 404
    for number in range(BOXES + 1):
        say(f'/code/typed?box={number:032x}-line&put=1')
    assert say(f'/code/typed?box={first}') == '' and say(f'/code/typed?box={BOXES:032x}-line') == '1'
    for number in range(BOX_LINES + 10):
        say(f'/code/typed?box={first}&put={number}')
    assert say(f'/code/typed?box={first}') == '10'


# --- Pyodide ---------------------------------------------------------------------------------------------------------

KINDS = {'.mjs': 'text/javascript', '.wasm': 'application/wasm', '.zip': 'application/zip'}


@pytest.fixture(scope='module')
def laptop(tmp_path_factory):
    """`python mocean.py`, as on a laptop."""
    need_pyodide()
    folder, port = tmp_path_factory.mktemp('laptop'), free_port()
    env = {**os.environ, 'PORT': str(port), 'STATE_DIRECTORY': str(folder)}
    with open(folder / 'log', 'wb') as log:
        process = subprocess.Popen([sys.executable, ROOT / 'mocean.py'], env=env, stdout=log, stderr=log)

    class Laptop:
        url = f'http://127.0.0.1:{port}'
    try:
        poll(lambda: answers(Laptop) or process.poll() is not None, 20)
        yield Laptop
    finally:
        process.terminate()
        process.wait(10)


def answers(server):
    try:
        return fetch(server, '/health')
    except OSError:
        return False


@pytest.fixture(params=['uwsgi', 'laptop'])
def ship(request):
    need_pyodide()
    return request.getfixturevalue('server' if request.param == 'uwsgi' else 'laptop')


@pytest.mark.parametrize('name', MANIFEST['files'])
def test_pyodide_goes_out_compressed_and_is_kept_for_ever(ship, name):
    path = f'/pyodide/{VERSION}/{name}'
    headers, plain = fetch(ship, path)
    assert headers['Content-Type'] == KINDS[name[name.rindex('.'):]] and 'Content-Encoding' not in headers
    assert 'immutable' in headers['Cache-Control'] and headers.get_all('Cache-Control') == [headers['Cache-Control']]
    headers, small = fetch(ship, path, **{'Accept-Encoding': 'gzip, deflate'})
    assert headers['Content-Encoding'] == 'gzip' and headers['Content-Type'] == KINDS[name[name.rindex('.'):]]
    assert headers['Vary'] == 'Accept-Encoding' and int(headers['Content-Length']) == len(small)
    assert gzip.decompress(small) == plain


def test_thirty_browsers_at_once_get_whole_files_while_the_game_goes_on(server):
    need_pyodide()
    id = server('/join?name=ada').split(',')[0]
    sizes, threads = [], []

    def visit():
        sizes.append(len(fetch(server, f'/pyodide/{VERSION}/pyodide.asm.wasm', **{'Accept-Encoding': 'gzip'})[1]))
    for _ in range(30):
        threads.append(threading.Thread(target=visit))
        threads[-1].start()
    while any(thread.is_alive() for thread in threads):
        assert server(f'/location?id={id}').status == 200
    assert len(sizes) == 30 and len(set(sizes)) == 1


def test_the_command_and_the_page_speak_of_the_same_version():
    assert f'@{VERSION}/' in MANIFEST['cdn']
    page = (ROOT / 'clients' / 'code.html').read_text(encoding='utf-8')
    assert re.match('https://[^/]+', MANIFEST['cdn'])[0] in page
    need_pyodide()
    assert (ROOT / 'clients' / 'pyodide' / VERSION).is_dir()
