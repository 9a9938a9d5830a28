"""The heart of /code again, in Debian's Firefox: the same programs, Stop, the sandbox."""
import json

import pytest
from browser import need
from conftest import Server, poll
from desk import Desk, check, need_pyodide
from firefox import FIREFOX, firefox
from programs import HEART
from test_code import BURGLAR, Spy, address, spy  # noqa: F401  the fixture

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    need_pyodide()
    server = Server('mocean', tmp_path_factory.mktemp('sea'))
    yield server.start()
    server.kill()


@pytest.fixture(scope='module')
def browser():
    need('Firefox', FIREFOX)
    with firefox(names=['club.test']) as browser:
        yield browser


@pytest.fixture(scope='module', params=['', '#jspi=off'], ids=['', 'older'])
def desk(browser, sea, request):
    """The page in a Firefox as it is, then in one that cannot set Python's stack aside."""
    browser.go('about:blank')
    browser.go(address(sea, request.param))
    desk = Desk(lambda expression: browser.run(f'return {expression}')).ready()
    desk.older = bool(request.param)
    return desk


@pytest.mark.parametrize('case', HEART, ids=[case.name for case in HEART])
def test_a_program_prints_the_same(desk, case):
    check(desk, case)


def test_the_page_is_not_secure_and_the_stack_is_set_aside_or_not(desk):
    assert desk.ask('!isSecureContext')
    assert desk.run('from pyodide.ffi import can_run_sync; print(can_run_sync())') == f'{not desk.older}\n'


def test_stop_ends_a_sleep_and_a_loop(desk):
    for program in ('import time\nprint("asleep")\ntime.sleep(600)', 'print("asleep")\nwhile True: pass'):
        desk.begin(program)
        desk.saying('asleep')
        assert desk.stop().startswith('asleep\nStopped')
    assert desk.run('print("on")') == 'on\n'


def test_an_answer_is_typed_while_the_program_waits(desk, browser):
    desk.begin('print("hello", input("who? "))')
    desk.until("document.activeElement.id === 'line'")
    browser.type('#line', 'ada\ue007')
    assert desk.done() == 'who? ada\nhello ada\n'


def test_a_program_reaches_no_cookie_and_no_page(desk, browser, spy):  # noqa: F811
    if desk.older:
        return                     # the sandbox does not know how Python waits
    browser.run('document.cookie = "strict=strict; SameSite=Strict"; document.cookie = "plain=plain"')
    said = desk.run(BURGLAR % spy.server_port)
    names = 'document', 'parent', 'top', 'localStorage', 'cookieStore'
    assert said.splitlines()[:5] == [f'{name} False' for name in names]
    assert spy.seen == dict.fromkeys(['/include', '/xhr', '/requests'], ('null', ''))
    there = json.dumps(f'http://club.test:{spy.server_port}/control')
    browser.run(f'open({there})')
    poll(lambda: 'strict' in spy.seen.get('/control', ('', ''))[1], 20)
