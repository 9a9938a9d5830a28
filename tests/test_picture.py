"""The title page of mocean.py carries the picture; this keeps the picture true."""
import ast
import re

from conftest import ROOT

import mocean

TEXT = (ROOT / 'mocean.py').read_text(encoding='utf-8')
TREE = ast.parse(TEXT)
LINES = TEXT.split('\n')
FUNCTIONS = [node for node in ast.walk(TREE) if isinstance(node, ast.FunctionDef)]


def part(banner, end='# --- '):
    """The lines of a section, from its banner to the next."""
    start = next(number for number, line in enumerate(LINES) if line.startswith(banner))
    stop = next((number for number, line in enumerate(LINES) if number > start and line.startswith(end)), len(LINES))
    return range(start, stop)


def test_the_map_names_the_banners_in_their_order():
    banners = re.findall(r'^# --- ([A-Z]+)|^# PART (\d)', TEXT, re.M)
    title = re.findall(r'^ {6}([A-Z]+) |^  PART (\d)', mocean.__doc__, re.M)
    mapped = [name or f'PART {number}' for name, number in title]
    assert [name or f'PART {number}' for name, number in banners] == mapped
    assert len(mapped) > 12


def test_http_is_spoken_in_the_doors_only():
    doors = next(number for number, line in enumerate(LINES) if line.startswith('# PART 3'))
    http = re.compile(r'\bbottle\.|environ\[|HTTPResponse')
    outside = [number + 1 for number, line in enumerate(LINES[:doors]) if http.search(line)]
    assert outside == []


def test_the_disk_is_touched_in_the_journal_only():
    journal = part('# --- JOURNAL')
    touch = re.compile(r'(?<!def )\bopen\((?!\))|os\.(replace|write|fsync|truncate|unlink|rename)'
                       r'|\.write_(bytes|text)\(|\.unlink\(|\.rename\(|json\.dump\(')
    outside = [line for number, line in enumerate(LINES) if touch.search(line) and number not in journal]
    assert outside == []


def test_no_rule_asks_the_clock_or_throws_dice_by_itself():
    rules = part('# --- RULES')
    asked = [LINES[number] for number in rules if re.search(r'\btime\.|\brandom\.|datetime\.', LINES[number])]
    assert asked == []


def test_functions_are_short():
    lines = [(node.end_lineno - node.lineno + 1, node.name) for node in FUNCTIONS]
    assert [(size, name) for size, name in lines if size >= 40] == []
    sizes = sorted(size for size, _ in lines)
    assert sizes[len(sizes) * 9 // 10] <= 20


def test_one_order_of_verbs_everywhere():
    rules = [node.name for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name.startswith('rule_')]
    assert rules == [route.rule.__name__ for route in mocean.ROUTES if route.rule]


def test_every_setting_that_has_a_unit_names_it():
    settings = [LINES[number] for number in part('# --- SETTINGS')]
    numbers = [name for line in settings for name in re.findall(r'^([A-Z_, ]+) = [\d(]', line)]
    names = [name for names in numbers for name in names.split(', ')]
    units = ('_CELLS', '_S', '_M', '_POINTS', '_RADIANS', '_CELLS_PER_S', 'PER_MINUTE',
             '_KEPT', '_LINES', '_LENGTH', 'MOST_BOATS', 'MOST_SEEN')
    without = [name for name in names if not re.search('|'.join(units), name) and name not in ('COLUMNS', 'ROWS')]
    assert len(names) > 40 and without == []


def strings(file):
    """The texts that a program works with: neither its comments nor its docstrings, nor a string that nobody uses."""
    tree = ast.parse(file.read_text(encoding='utf-8'))
    idle = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in idle]


def test_every_route_has_a_test():
    files = [file for file in (ROOT / 'tests').glob('test_*.py') if file.name != 'test_picture.py']
    asked = '\n'.join(text for file in files for text in strings(file))
    forgotten = [route.name for route in mocean.ROUTES if not re.search(rf'/{re.escape(route.name)}\b', asked)]
    assert forgotten == []


def test_a_comment_is_no_test(tmp_path):
    program = tmp_path / 'test_nothing.py'
    program.write_text('"/docstring"\nsay(f"/asked?id={id}")   # /comment\n"/idle"\n', encoding='utf-8')
    assert strings(program) == ['/asked?id=']


def test_every_route_shows_an_example_that_can_be_read():
    for route in mocean.ROUTES:
        query = mocean.example(route, 'http://a', 'k7p2m3qx').partition('?')[2]
        assert mocean.read_values(route, mocean.read_query(query)[0]) is not None
        assert route.meaning and route.reply


def test_the_lists_of_packages_say_the_same():
    wanted = (ROOT / 'requirements.txt').read_text() + (ROOT / 'requirements-dev.txt').read_text()
    pip = dict(re.findall(r'^([A-Za-z]+)==([\d.]+)\.\*', wanted, re.M))
    conda = dict(re.findall(r'^  - ([a-z]+)=([\d.]+)$', (ROOT / 'environment.yml').read_text(), re.M))
    python = conda.pop('python')
    assert python in ('3.10', '3.11', '3.12', '3.13', '3.14')
    pip = {name.lower().replace('pyuwsgi', 'uwsgi'): version for name, version in pip.items()}
    assert set(conda) == {'bottle', 'uwsgi', 'requests', 'pytest', 'webtest'}
    assert [name for name, version in conda.items() if not f'{version}.'.startswith(f'{pip[name]}.')] == []
