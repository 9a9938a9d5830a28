"""Python in the browser: /code in a real Chromium, from an address that is neither https nor localhost."""
import contextlib
import http.server
import re
import shutil
import threading

import pytest
from browser import chromium
from conftest import ROOT, Server, poll
from desk import Desk, axe, check, need_pyodide
from programs import CASES, HEART

pytestmark = pytest.mark.browser
ONLY_THE_CLUB = '--host-resolver-rules=MAP club.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    need_pyodide()
    server = Server('mocean', tmp_path_factory.mktemp('sea'))
    yield server.start()
    server.kill()


@pytest.fixture(scope='module')
def browser():
    with chromium(ONLY_THE_CLUB) as browser:
        yield browser


def address(server, rest=''):
    return f'http://club.test:{server.port}/code{rest}'


@contextlib.contextmanager
def opened(browser, server, rest='', **options):
    """A fresh visitor's page; at the end nothing may have been complained about."""
    complaints = []
    context = browser.new_context(**{'viewport': {'width': 1366, 'height': 768}, 'color_scheme': 'light', **options})
    page = context.new_page()
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('console', lambda message: message.type == 'error' and complaints.append(message.text))
    page.goto(address(server, rest))
    yield page
    context.close()
    assert [words for words in complaints if 'Failed to load resource' not in words] == []


@pytest.fixture(scope='module')
def page(browser, sea):
    """One page for all tests that leave it as they found it: Python starts once."""
    with opened(browser, sea) as page:
        yield page


@pytest.fixture(scope='module')
def desk(page):
    return Desk(page.evaluate).ready()


def test_the_page_is_neither_secure_nor_at_home(page, desk):
    assert page.evaluate('[isSecureContext, location.hostname]') == [False, 'club.test']


@pytest.mark.parametrize('case', CASES, ids=[case.name for case in CASES])
def test_a_program_prints_what_python_prints(desk, case):
    check(desk, case)


# --- Stop, errors, and what helps ------------------------------------------------------------------------------------

def test_stop_ends_a_sleep_and_the_program_can_say_goodbye(desk):
    desk.begin('import time\ntry:\n    print("asleep")\n    time.sleep(600)\nfinally:\n    print("goodbye")')
    desk.saying('asleep')
    assert desk.stop() == 'asleep\ngoodbye\nStopped at line 4.\n'
    assert desk.marked == 4


@pytest.mark.parametrize('loop', [
    'while True: pass', 'while True:\n    try:\n        time.sleep(9)\n    except BaseException: pass'])
def test_stop_ends_what_does_not_hear_it_and_the_next_program_runs(desk, loop):
    desk.begin(f'import time\nprint("round and round")\n{loop}')
    desk.saying('round')
    assert desk.stop() == 'round and round\nStopped.\n'
    assert desk.run('print("here again")') == 'here again\n'


def test_a_fresh_python_throws_other_dice(desk):
    dice = 'import random\nprint(random.random())\n'
    thrown = set()
    for _ in range(2):
        desk.begin(dice + 'while True: pass')
        desk.saying('0.')
        thrown.add(desk.stop())
    assert len(thrown) == 2


def test_stop_ends_an_input_and_a_call(desk):
    desk.begin('input("well? ")')
    desk.until("!document.querySelector('#ask').hidden")
    assert desk.stop() == 'well? Stopped at line 1.\n'
    assert desk.ask("document.querySelector('#ask').hidden")


def test_a_flood_of_words_leaves_the_page_alive(page, desk):
    desk.begin('n = 0\nwhile True:\n    n += 1\n    print(n, "all work and no play")')
    desk.until('document.querySelector("#output").textContent.includes("20000 all")')
    page.locator('#stop').click(timeout=5000)
    said = desk.done()
    assert said.endswith('Stopped at line 4.\n') and len(said) < 300_000


def test_the_line_of_an_error_is_marked_until_the_program_is_changed(page, desk):
    desk.run('\n' * 60 + 'def f():\n    return nmae\n\n\nf()\n')
    assert desk.marked == 62
    page.get_by_role('button', name='Go to line 62').click()
    page.keyboard.press('End')
    page.keyboard.type('  # oh')
    assert not desk.marked
    assert desk.program.splitlines()[61] == '    return nmae  # oh'
    desk.run('print(1\nprint(2)')
    assert desk.marked == 1
    assert 'browser.py' not in desk.run('import json\njson.loads("{")') and desk.marked == 2


@pytest.fixture
def aboard(sea, request):
    """A boat: its id."""
    name = f'b{abs(hash(request.node.name)) % 10**8}'
    return sea(f'/join?name={name}').split(',')[0]


def test_a_misspelt_word_is_changed_by_a_button(page, desk, aboard):
    program = f'''import requests, sys
for n in range(2):
    r = requests.get(sys.argv[1] + "/move", params={{"id": "{aboard}", "heading": "nroth"}})
    print(r.status_code)'''
    assert desk.run(program) == '400\n400\n'
    page.get_by_role('button', name="Change 'nroth' into 'north'").click()
    assert desk.program == program.replace('nroth', 'north')
    page.keyboard.press('Control+z')
    assert desk.program == program
    page.keyboard.press('Control+y')
    page.get_by_role('button', name='Run').click()
    assert desk.done() == '200\n200\n'
    assert page.locator('#after button').count() == 0


def test_a_call_that_works_is_put_into_the_program_by_a_button(page, desk, aboard):
    program = f'''import requests, sys

def ask(route, **parameters):
    return requests.get(f'{{sys.argv[1]}}/{{route}}',
                        params={{'id': '{aboard}', **parameters}}, timeout=10)

if True:
    print(ask('move',
              steps=1).status_code)
print('end')
'''
    assert desk.run(program) == '400\nend\n'
    page.get_by_role('button', name='Put this into the program').click()
    lines = desk.program.split('\n')
    assert lines[9].startswith("    reply = requests.get('http://club.test:")
    assert lines[10:12] == ['    print(reply.text)', "print('end')"]
    page.keyboard.press('Control+Enter')
    said = desk.done().split('\n')
    assert said[0] == '400' and len(said[1].split(',')) == 3 and said[2] == 'end'


# --- Programs are kept -----------------------------------------------------------------------------------------------

def test_programs_are_kept_saved_opened_renamed_and_brought_back(browser, sea, tmp_path):
    with opened(browser, sea) as page:
        desk = Desk(page.evaluate)
        desk.until("document.querySelector('#text').value.includes('requests')")
        page.get_by_role('button', name='New').click()
        page.keyboard.type('for i in range(3):\nprint(i)\n\n')
        assert desk.program == 'for i in range(3):\n    print(i)\n    \n    '
        page.get_by_role('button', name='Rename').click()
        page.keyboard.type('my robot.py')
        page.keyboard.press('Enter')
        page.reload()
        desk.until("document.querySelector('#programs').value === 'my_robot'")
        assert desk.program.startswith('for i in range(3):')
        with page.expect_download() as download:
            page.get_by_role('button', name='Save as .py').click()
        assert download.value.suggested_filename == 'my_robot.py'
        download.value.save_as(tmp_path / 'robot.py')
        on_windows = (tmp_path / 'robot.py').read_bytes().replace(b'\n', b'\r\n')
        (tmp_path / 'robot.py').write_bytes(b'\xef\xbb\xbf' + on_windows)
        page.locator('#file').set_input_files(tmp_path / 'robot.py')
        desk.until("document.querySelector('#programs').value === 'robot'")
        assert desk.program == 'for i in range(3):\n    print(i)\n    \n    '
        page.get_by_role('button', name='Delete').click()
        assert 'robot' not in page.locator('#programs').inner_text().split('\n')
        page.get_by_role('button', name='Bring robot back').click()
        assert page.locator('#programs').input_value() == 'robot' and desk.program.startswith('for')


def test_a_file_that_a_program_writes_can_be_saved_and_is_still_there(page, desk):
    desk.run('with open("depths.csv", "w") as f: print("1,2", file=f)')
    with page.expect_download() as download:
        page.get_by_role('button', name='Save depths.csv').click()
    assert download.value.path().read_text() == '1,2\n'
    desk.begin('while True: pass')
    desk.stop()
    assert desk.run('print(open("depths.csv").read())') == '1,2\n\n'


# --- The boat, the ladder, the map -----------------------------------------------------------------------------------

def field(page, selector):
    return page.locator(selector).input_value()


def map_of(page):
    """The frame with the live map beside the program."""
    def look():
        page.wait_for_timeout(20)              # only then does Playwright hear of new frames
        return next((frame for frame in page.frames if '/map#' in frame.url), None)
    return poll(look, 20)


def boat_on(frame, name):
    return frame.evaluate('name => globalThis.mocean?.places.get(name)', name)


def test_joining_fills_in_the_id_and_run_moves_the_boat_on_the_map(browser, sea):
    """The path from an empty browser: a name, Join, Run."""
    sea('/join?name=nia')
    with opened(browser, sea) as page:
        desk = Desk(page.evaluate)
        desk.until("document.querySelector('#text').value.includes('your-id')")
        page.locator('#boat-name').fill('nia')
        page.get_by_role('button', name='Join', exact=True).click()
        poll(lambda: 'the name nia is taken' in page.locator('#boat-said').inner_text(), 10)
        poll(lambda: field(page, '#boat-name') not in ('', 'nia'), 10)
        name = field(page, '#boat-name')
        page.get_by_role('button', name='Join', exact=True).click()
        desk.until("!document.querySelector('#aboard').hidden")
        assert page.locator('#boat-said').inner_text() == ''
        id = page.locator('#own-id').inner_text()
        desk.until(f"document.querySelector('#text').value.includes('{id}')")
        assert 'join:' not in desk.program and sea(f'/name?id={id}') == name
        desk.ready()
        sea_beside = map_of(page)
        assert f'follow={name}' in sea_beside.url
        start = poll(lambda: boat_on(sea_beside, name), 20)
        page.get_by_role('button', name='Run', exact=True).click()
        x, y, z = desk.done().splitlines()[-1].split(',')
        poll(lambda: (boat := boat_on(sea_beside, name)) and (boat['x'], boat['y']) != (start['x'], start['y']), 20)
        assert sea(f'/location?id={id}').startswith(f'{x},{y},')
        page.reload()
        desk.until("!document.querySelector('#aboard').hidden")
        assert page.locator('#own-id').inner_text() == id


def test_whoever_comes_from_join_has_the_id_filled_in_and_the_level_open(browser, sea):
    id = sea('/join?name=hopper').split(',')[0]
    with opened(browser, sea, f'#id={id}&level=2') as page:
        desk = Desk(page.evaluate)
        desk.until("document.querySelector('#text').value.includes('for number in range')")
        assert f"ID = '{id}'" in desk.program and f"SERVER = 'http://club.test:{sea.port}'" in desk.program
        assert page.locator('#own-name').inner_text() == 'hopper'
        assert id not in page.url


def test_a_boat_that_the_ocean_has_forgotten_is_said(browser, sea):
    id = sea('/join?name=gone').split(',')[0]
    with opened(browser, sea, f'#id={id}') as page:
        desk = Desk(page.evaluate)
        desk.until("!document.querySelector('#aboard').hidden")
        sea(f'/quit?id={id}&sure=yes')
        page.reload()
        poll(lambda: page.locator('#boat-name').is_visible(), 20)


def test_every_client_but_those_for_data_is_one_click_away(page):
    rungs = page.locator('#ladder button').evaluate_all('buttons => buttons.map(button => button.value)')
    clients = {path.stem.replace('starter', 'level') for path in (ROOT / 'clients').glob('*.py')}
    assert {name for name in clients if not name.startswith('data_')} - {'get_pyodide'} == set(rungs)


@pytest.fixture(scope='module')
def harbour(browser, sea):
    """A page on which clients are run as they stand."""
    with opened(browser, sea) as page:
        yield page, Desk(page.evaluate).ready()


def climb_on(page, desk, name):
    """Join with a boat of one's own, click on the ladder, then on Run."""
    if page.locator('#another').is_visible():
        page.locator('#another').click()
    page.locator('#boat-name').fill(f'{name}er'.replace('_', ''))
    page.get_by_role('button', name='Join', exact=True).click()
    desk.until("!document.querySelector('#aboard').hidden")
    page.locator(f'#ladder button[value={name}]').click()
    desk.until(f"mocean.programs.open === '{name}'")
    page.get_by_role('button', name='Run', exact=True).click()


@pytest.fixture
def climb(harbour):
    page, desk = harbour
    return lambda name: climb_on(page, desk, name) or harbour


CLIENTS = {
    'look_and_move': ((), r'look  -> treasure,.*move .*get  -> [a-zA-Z -]+,\d+\n$'),
    'level_1': ((), r'Your quest when you got this program: .*\n\d+,\d+,\d+\n$'),
    'level_2': ((), r'10 move -> \d+,\d+,0\nlook -> .*ping -> '),
    'first_client': ((), r'joined: \w{8},firstclienter,.*\nmoved to: \d+,\d+,0\n$'),
    'keyboard': (('e', 'nroth', 'p', 'q'),
                 r"> e\n\d+,\d+,0\n> nroth\nheading was 'nroth'; did you mean north\?.*metres deep\n> q\n$"),
    'chat': (('nobodyhere: hello', '', 'q'), r'Type a message and Enter; q ends.\n> nobodyhere: hello\n.*> q\n$'),
    'steps_1': ((), r'welcome! You sent the steps game the message: hello wurlde\n$'),
    'steps_2': (('passport',), r'Your message: passport\n200 http://club.test'),
    'steps_3': ((), r'\n100 .*\n$'),
    'steps_4': (('hello', 'quit'), r'200 after 0\.\d+ seconds\)\n\n/steps\?message=quit\n$'),
}


@pytest.mark.parametrize('name', ['regatta_1', 'regatta_2', 'regatta_3'])
def test_a_regatta_is_sailed_until_it_is_stopped(climb, name):
    page, desk = climb(name)
    poll(lambda: desk.said.count('\n') > 0 or not desk.ask('mocean.python.running'), 60)
    said = desk.stop()
    assert 'Traceback' not in said and 'Stopped' in said, said


@pytest.mark.parametrize('name', CLIENTS)
def test_a_client_runs_as_it_stands(climb, name):
    page, desk = climb(name)
    typed, printed = CLIENTS[name]
    for line in typed:
        desk.type(line)
    said = desk.done(120)
    assert re.search(printed, said, re.DOTALL), said
    assert 'Traceback' not in said


LONG = {
    'level_3': r'20: at \d+,\d+ I see \d+ things and go east\n$',
    'survey_robot': r'20: at .*The shallowest place was at \d+,\d+',
    'fleet': r'20 soundings together\n.*The deepest place: \(',
}


def test_three_boats_survey_side_by_side(browser, sea):
    """The clients that take half a minute, each in a browser of its own, at the same time."""
    with contextlib.ExitStack() as stack:
        desks = {}
        for name in LONG:
            page = stack.enter_context(opened(browser, sea))
            desks[name] = Desk(page.evaluate).ready()
            climb_on(page, desks[name], name)
        for name, printed in LONG.items():
            said = desks[name].done(180)
            assert re.search(printed, said, re.DOTALL) and 'Traceback' not in said, said


def test_the_scoreboard_runs_until_it_is_stopped(climb):
    page, desk = climb('scoreboard')
    desk.saying('boats at')
    page.get_by_role('button', name='Stop').click()
    assert desk.done().endswith('Goodbye.\n')


def test_the_turtle_window_listens_to_the_arrow_keys(climb, sea):
    page, desk = climb('turtle_window')
    desk.until("document.activeElement.id === 'drawing'")
    id = page.locator('#own-id').inner_text()
    start = sea(f'/location?id={id}').split(',')[:2]
    page.keyboard.press('ArrowRight')
    poll(lambda: page.locator('#drawn').inner_text().startswith('turtlewindower at '), 20)
    x, y = page.locator('#drawn').inner_text().split()[-1].split(',')
    assert sea(f'/location?id={id}').split(',')[:2] == [x, y] != start and y == start[1]
    assert desk.ask("mocean.drawing.strokes.some(stroke => stroke[0] === 'line')")
    page.keyboard.press('q')
    assert 'Traceback' not in desk.done()


# --- How it comes ----------------------------------------------------------------------------------------------------

def test_the_editor_is_there_before_python_and_what_is_run_early_runs_later(browser, sea):
    with opened_at(browser) as page:
        held = []
        page.route('**/*.wasm', lambda route: held.append(route))
        with page.expect_request('**/*.wasm'):
            page.goto(address(sea))
        desk = Desk(page.evaluate)
        desk.until("document.querySelector('#text').value.includes('requests')")
        poll(lambda: re.search(r'on its way: [1-9]\d? %', desk.status), 20)
        assert page.locator('#progress').is_visible() and page.locator('#run').is_enabled()
        page.locator('#text').fill('print("at last")')
        page.keyboard.press('Control+Enter')
        page.evaluate('tell_progress(0.55)')                # more has come: what was promised stays to be read
        assert 'as soon as Python is there' in desk.status
        held[0].continue_()
        assert desk.done(60) == 'at last\n'


def test_the_second_visit_comes_from_the_cache_and_a_spoilt_snapshot_does_no_harm(browser, sea):
    with opened(browser, sea) as page:
        desk = Desk(page.evaluate).ready()
        desk.until("shelf(things => things.get('snapshot')).then(kept => kept && kept.picture.byteLength > 1e7)")
        for spoilt in (False, True):
            if spoilt:
                page.evaluate("shelf(things => things.get('snapshot')).then("
                              "kept => keep_snapshot(kept.version, new ArrayBuffer(65536 * 300)))")
            page.reload()
            desk.ready()
            sent = page.evaluate("performance.getEntriesByType('resource').filter("
                                 "file => file.name.includes('/pyodide/')).map(file => file.transferSize)")
            assert len(sent) >= 4 and sum(sent) == 0
            assert desk.run('print("well")') == 'well\n'


def test_without_files_and_without_internet_one_sentence_says_so(browser, tmp_path):
    shutil.copy(ROOT / 'mocean.py', tmp_path)
    shutil.copytree(ROOT / 'clients', tmp_path / 'clients', ignore=shutil.ignore_patterns('pyodide'))
    server = Server(str(tmp_path / 'mocean'), tmp_path)
    try:
        with opened_at(browser) as page:
            page.goto(address(server.start()))
            desk = Desk(page.evaluate)
            poll(lambda: 'not to be had' in desk.status, 20)
            assert 'docs/code.md' in desk.status
            assert not page.locator('#progress').is_visible()
            assert field(page, '#text').startswith('"""')
    finally:
        server.kill()


@contextlib.contextmanager
def opened_at(browser, **options):
    context = browser.new_context(viewport={'width': 1366, 'height': 768}, **options)
    yield context.new_page()
    context.close()


def test_nothing_is_asked_of_anybody_but_the_server(browser, sea):
    with opened_at(browser) as page:
        asked = []
        page.context.on('request', lambda request: asked.append(request.url))
        page.goto(address(sea))
        Desk(page.evaluate).ready().run('import requests, sys; requests.get(sys.argv[1] + "/health")')
        own = (f'http://club.test:{sea.port}/', 'blob:', 'data:')
        assert len(asked) > 8 and [url for url in asked if not url.startswith(own)] == []
        assert any('health' in url for url in asked)


# --- The sandbox -----------------------------------------------------------------------------------------------------

class Spy(http.server.BaseHTTPRequestHandler):
    """A server at the same name (cookies know no ports) that lets everybody in, and notes who brought a cookie."""

    def do_GET(self):
        self.server.seen[self.path] = self.headers.get('Origin'), self.headers.get('Cookie', '')
        self.send_response(200)
        self.send_header('Access-Control-Allow-Origin', self.headers.get('Origin', '*'))
        self.send_header('Access-Control-Allow-Credentials', 'true')
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def spy():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Spy) as server:
        server.seen = {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


BURGLAR = '''
import js, requests
from js import fetch, XMLHttpRequest
from pyodide.ffi import run_sync, to_js
to = "http://club.test:%d/"
run_sync(fetch(to + "include", to_js({"credentials": "include"}, dict_converter=js.Object.fromEntries)))
ask = XMLHttpRequest.new(); ask.open("GET", to + "xhr", False); ask.withCredentials = True; ask.send()
requests.get(to + "requests", headers={})
for name in ("document", "parent", "top", "localStorage", "cookieStore"): print(name, hasattr(js, name))
try: print(js.indexedDB.open("mocean"))
except Exception as error: print("no database")
'''


def test_a_program_reaches_no_cookie_and_no_page(browser, sea, spy):
    with opened_at(browser) as page:
        page.context.add_cookies([
            {'name': 'captain', 'value': 'strict', 'domain': 'club.test', 'path': '/',
             'httpOnly': True, 'sameSite': 'Strict'},
            {'name': 'plain', 'value': 'plain', 'domain': 'club.test', 'path': '/'}])
        page.goto(address(sea))
        desk = Desk(page.evaluate).ready()
        said = desk.run(BURGLAR % spy.server_port)
        assert said == 'document False\nparent False\ntop False\nlocalStorage False\ncookieStore False\nno database\n'
        assert spy.seen == dict.fromkeys(['/include', '/xhr', '/requests'], ('null', ''))
        page.goto(f'http://club.test:{spy.server_port}/control')
        assert 'strict' in spy.seen['/control'][1] and 'plain' in spy.seen['/control'][1]


def test_the_room_is_sandboxed_also_when_opened_by_itself(browser, sea):
    with opened_at(browser) as page:
        reply = page.goto(f'http://club.test:{sea.port}/code/room.html')
        assert 'sandbox allow-scripts' in reply.headers['content-security-policy']
        assert page.evaluate('self.origin') == 'null'


# --- Everybody -------------------------------------------------------------------------------------------------------

def test_a_phone_shows_it_all_and_thumbs_find_the_buttons(browser, sea):
    with opened(browser, sea, viewport={'width': 390, 'height': 844}, is_mobile=True, has_touch=True) as page:
        desk = Desk(page.evaluate).ready()
        assert page.evaluate('document.documentElement.scrollWidth') <= 390
        small = page.locator('button:visible, select:visible, input:visible').evaluate_all(
            'parts => parts.filter(part => part.getBoundingClientRect().height < 44).map(part => part.outerHTML)')
        assert small == []
        page.locator('#text').fill('name = input("who? ")\nprint("hello", name)')
        page.locator('#run').tap()
        desk.until("!document.querySelector('#ask').hidden")
        page.locator('#line').fill('ada')
        page.locator('#ask button').tap()
        assert desk.done() == 'who? ada\nhello ada\n'
        assert page.locator('#output').is_visible()


def test_it_works_without_a_mouse(browser, sea):
    with opened(browser, sea) as page:
        desk = Desk(page.evaluate).ready()

        def go_to(id, key='Tab'):
            for _ in range(60):
                if page.evaluate('document.activeElement.id') == id:
                    return
                page.keyboard.press('Escape')          # out of the editor, where Tab means another thing
                page.keyboard.press(key)
            raise AssertionError(f'{id} is not reached by {key}')
        go_to('boat-name')
        page.keyboard.type('keys')
        page.keyboard.press('Enter')
        desk.until("document.activeElement.id === 'text' && !document.querySelector('#aboard').hidden")
        page.keyboard.press('Control+a')
        page.keyboard.type('while True:\nprint(input("say: "))')
        page.keyboard.press('Control+Enter')
        desk.until("document.activeElement.id === 'line'")
        page.keyboard.type('ahoy')
        page.keyboard.press('Enter')
        desk.saying('say: ahoy\nahoy\nsay: ')
        go_to('stop', 'Shift+Tab')
        page.keyboard.press('Enter')
        assert desk.done().endswith('Stopped at line 2.\n')
        go_to('text')
        page.keyboard.press('Control+Enter')
        desk.until("document.activeElement.id === 'line'")
        page.keyboard.press('Control+c')
        assert desk.done().endswith('Stopped at line 2.\n')
        go_to('text', 'Shift+Tab')
        page.keyboard.press('Tab')
        assert page.evaluate('document.activeElement.id') == 'text'
        page.keyboard.press('Escape')
        page.keyboard.press('Tab')
        assert page.evaluate('document.activeElement.id') != 'text'


VIOLATIONS = """axe.run({exclude: ['#map']}).then(result =>           // the map has tests of its own
    result.violations.map(one => [one.id, one.nodes.map(node => node.html)]))"""


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_nothing_keeps_people_out(browser, sea, scheme):
    with opened(browser, sea, color_scheme=scheme) as page:
        desk = Desk(page.evaluate).ready()
        desk.run('import turtle\nturtle.forward(9)\nprint("a")\nnmae')
        for show in ('#show-drawing', '#show-map'):
            page.locator(show).click()
            page.evaluate(axe())
            assert page.evaluate(VIOLATIONS) == []
        desk.begin('input("well? ")')
        desk.until("!document.querySelector('#ask').hidden")
        assert page.evaluate(VIOLATIONS) == []
        desk.stop()


# --- Where the browser cannot set Python's stack aside ---------------------------------------------------------------

@pytest.fixture(scope='module')
def old_desk(browser, sea):
    with opened(browser, sea, '#jspi=off') as page:
        yield Desk(page.evaluate).ready()


@pytest.mark.parametrize('case', HEART, ids=[case.name for case in HEART])
def test_an_older_browser_prints_the_same(old_desk, case):
    check(old_desk, case)


def test_an_older_browser_stops_too_and_says_that_it_has_no_threads(old_desk):
    assert old_desk.run('from pyodide.ffi import can_run_sync; print(can_run_sync())') == 'False\n'
    old_desk.begin('import time\nprint("asleep")\ntime.sleep(600)')
    old_desk.saying('asleep')
    assert old_desk.stop() == 'asleep\nStopped.\n'
    assert 'threads need a newer browser' in old_desk.run('import threading\nthreading.Thread(target=print).start()')


def test_an_older_browser_hears_the_keys_of_a_turtle(old_desk):
    old_desk.begin('import turtle\ns = turtle.Screen()\ndef up(): print("up"); s.bye()\n'
                   's.onkey(up, "Up"); s.listen(); print("listening"); s.mainloop()')
    old_desk.saying('listening')
    old_desk.ask("document.querySelector('#drawing').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowUp'}))")
    assert old_desk.done() == 'listening\nup\n'
