"""The picture on the title page of steps.py is true, and nothing that is sent can break the wire."""
import ast
import re
import wsgiref.util

import hypothesis
import hypothesis.strategies as st
import pytest
from conftest import ROOT

import steps

TEXT = (ROOT / 'steps.py').read_text('utf-8')
BANNERS = re.findall(r'^# --- ([A-Z]+) -+$', TEXT, re.MULTILINE)
PARTS = dict(zip(BANNERS, re.split(r'^# --- [A-Z]+ -+$', TEXT, flags=re.MULTILINE)[1:], strict=True))


def test_the_picture_shows_the_parts_in_order():
    assert re.findall(r'\b[A-Z]{4,}\b', steps.__doc__.partition('To add a step')[0].replace('JSON', '')) == BANNERS


def test_http_stays_in_the_wire_and_the_disk_in_the_board():
    def using(pattern):
        return [part for part, text in PARTS.items() if re.search(pattern, text)]
    assert using(r'\b(request|response)\.') == ['WIRE']
    assert using(r'(?<!\.)\bopen\(|os\.(open|replace|fsync)|read_text') == ['COMMON', 'BOARD']
    assert using(r'\btime\.time\(') == ['ROUTES'] and using(r'secrets\.') == ['BOARD']      # handed to the puzzles


def length(function):
    """How many lines one has to hold in mind: without the question, or what else the docstring says."""
    words = ast.get_docstring(function, clean=False) or ''
    return function.end_lineno - function.lineno - words.count('\n')


def test_functions_are_short():
    functions = [node for node in ast.walk(ast.parse(TEXT)) if isinstance(node, ast.FunctionDef)]
    assert {each.name: length(each) for each in functions if length(each) > 20} == {}


def test_lines_fit_a_projector():
    assert [line for line in TEXT.split('\n') if len(line) > 100] == []


def test_each_puzzle_has_a_question_and_an_example_that_it_takes():
    for name, puzzle in steps.LADDER.items():
        assert puzzle.question and puzzle.__name__ == name
        assert list(puzzle.example)[0] == puzzle.takes[0] and set(puzzle.example) <= set(puzzle.takes)


@pytest.fixture(scope='module')
def app(tmp_path_factory):
    app = steps.make_app(tmp_path_factory.mktemp('steps'))
    yield steps.wsgi(app)
    app.board.close()


KEYS = st.sampled_from(['message', 'solution', 'name', 'format', 'sign', 'location', 'destination', 'mesage', ''])
ODD = ['json', 'ada', '32', '1e999', '-0', '0,0,180', '%', '%FF%00', '1.2.3', 'begin']
VALUES = st.text(max_size=60) | st.sampled_from(ODD)
QUERY = st.lists(st.tuples(KEYS, VALUES).map('='.join), max_size=5).map('&'.join) | st.text(max_size=80)
KNOWN = ['/', '/progress', *(f'/{step}' for step in steps.LADDER)]
PATHS = st.sampled_from(KNOWN) | st.text(max_size=20).map('/{}'.format)
METHODS = st.sampled_from(['GET', 'HEAD', 'POST', 'BREW'])


@hypothesis.given(PATHS, QUERY, METHODS, st.text(max_size=30))
@hypothesis.settings(max_examples=400, deadline=None)
def test_nothing_that_is_sent_breaks_the_wire(app, path, query, method, header):
    raw = lambda text: text.encode('utf-8', 'replace').decode('latin-1')
    environ = {'PATH_INFO': raw(path), 'QUERY_STRING': raw(query), 'REQUEST_METHOD': method,
               'HTTP_ACCEPT': raw(header), 'HTTP_HOST': raw(header)}
    wsgiref.util.setup_testing_defaults(environ)
    answered = []
    body = b''.join(app(environ, lambda status, headers, exc_info=None: answered.append(int(status[:3]))))
    assert answered[0] in (200, 400, 404, 405), (path, query)
    assert body or method == 'HEAD' or path == '/progress'
