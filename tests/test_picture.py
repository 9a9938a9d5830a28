"""The title pages of mocean.py and captain.py carry a picture; this keeps the pictures true."""
import ast
import re

import pytest
from conftest import ROOT
from radon.complexity import cc_visit

import mocean

TEXT = (ROOT / 'mocean.py').read_text(encoding='utf-8')
TREE = ast.parse(TEXT)
LINES = TEXT.split('\n')
PROGRAMS = ['mocean', 'steps', 'data', 'captain']
SECTIONS = ['SETTINGS', 'TYPES', 'TORUS', 'NEAR', 'THINGS', 'SEAFLOOR', 'COURSES',
            'READ', 'TELL', 'RULES', 'QUESTS', 'CHANGE', 'JOURNAL', 'PLAY', 'RUNS',
            'COMMON', 'ROUTES', 'HELP', 'WIRE', 'PAGES', 'SHELVES', 'START', 'SERVERS']


def part(banner, end='# --- '):
    """The lines of a section, from its banner to the next."""
    start = next(number for number, line in enumerate(LINES) if line.startswith(banner))
    stop = next((number for number, line in enumerate(LINES) if number > start and line.startswith(end)), len(LINES))
    return range(start, stop)


def functions(lines):
    """Every function that begins in these lines of mocean.py."""
    return [node for node in ast.walk(TREE) if isinstance(node, ast.FunctionDef) and node.lineno - 1 in lines]


def code(node):
    """The source of a function, without its comments and docstrings."""
    return ast.unparse([child for child in node.body if not (isinstance(child, ast.Expr)
                                                             and isinstance(child.value, ast.Constant))])


def test_the_map_names_the_banners_in_their_order():
    banners = re.findall(r'^# --- ([A-Z]+)|^# PART (\d)', TEXT, re.M)
    title = re.findall(r'^ {6}([A-Z]+) |^  PART (\d)', mocean.__doc__, re.M)
    mapped = [name or f'PART {number}' for name, number in title]
    assert [name or f'PART {number}' for name, number in banners] == mapped
    assert [name for name in mapped if not name.startswith('PART')] == SECTIONS


def test_the_captains_picture_shows_the_sections_in_their_order():
    text = (ROOT / 'captain.py').read_text(encoding='utf-8')
    picture = ast.get_docstring(ast.parse(text)).partition('MOCEAN_CAPTAIN')[0]
    banners = re.findall(r'^ *# --- ([A-Z]+) ', text, re.M)
    assert banners == ['SETTINGS', *re.findall(r'\b[A-Z]{4,}\b', picture)]


def test_http_is_spoken_in_the_doors_only():
    doors = next(number for number, line in enumerate(LINES) if line.startswith('# PART 3'))
    http = re.compile(r'\bbottle\.|environ\[|HTTPResponse')
    outside = [number + 1 for number, line in enumerate(LINES[:doors]) if http.search(line)]
    assert outside == []


def test_the_disk_is_touched_in_few_places():
    """The game's own files: in the journal only. COMMON has the tools for it, START looks for what lies beside."""
    touch = re.compile(r'(?<![.\w])open\(|os\.(open|replace|write|fsync|truncate|ftruncate|unlink|rename)\('
                       r'|(?<!sea)\.(open|write_bytes|write_text|unlink|rename|touch)\(|json\.dump\(')
    touching = {banner: {node.name for node in functions(part(f'# --- {banner}')) if touch.search(code(node))}
                for banner in SECTIONS}
    assert touching.pop('JOURNAL') >= {'write', 'open', 'turn_page', 'put_state'}
    assert touching.pop('COMMON') <= {'hold', 'dated', 'set_aside', 'write_new', 'sync_folder',
                                      'launch', 'keep_playing'}      # a log for nobody; the reloader's own file
    touching.pop('START')
    assert touching == dict.fromkeys(touching, set())


def test_no_rule_asks_the_clock_or_throws_dice_by_itself():
    rules = [*functions(part('# --- RULES')), *functions(part('# --- QUESTS')), *functions(part('# --- TELL'))]
    clock = re.compile(r'\btime\.|\brandom\.|datetime\.datetime\.(now|utcnow)')
    asked = [node.name for node in rules if clock.search(code(node))]
    assert asked == [] and len(rules) > 100


@pytest.mark.parametrize('program', PROGRAMS)
def test_no_function_is_hard_to_hold_in_mind(program):
    """Radon counts as a reader does: comprehensions, ternaries, `and` and `or` as well."""
    blocks = cc_visit((ROOT / f'{program}.py').read_text(encoding='utf-8'))
    blocks += [method for block in blocks for method in getattr(block, 'methods', ())]
    hard = {block.name: block.complexity for block in blocks if block.letter != 'C' and block.complexity > 12}
    assert hard == {} and len(blocks) > 20


def test_lines_fit_a_projector():
    """The programs, and all that is read in clients/; but not what others wrote: the QR codes, Pyodide."""
    kinds = ('.py', '.R', '.js', '.mjs', '.html', '.css', '.json', '.toml')
    clients = [file for file in (ROOT / 'clients').rglob('*') if file.suffix in kinds and file.name != 'qrcode.js'
               and ROOT / 'clients' / 'pyodide' not in file.parents]
    wide = [f'{file.relative_to(ROOT)}:{number}' for file in [ROOT / f'{program}.py' for program in PROGRAMS] + clients
            for number, line in enumerate(file.read_text(encoding='utf-8').split('\n'), 1) if len(line) > 100]
    assert wide == [] and len(clients) > 50


@pytest.mark.parametrize('program', PROGRAMS)
def test_functions_are_short(program):
    tree = ast.parse((ROOT / f'{program}.py').read_text(encoding='utf-8'))
    lines = [(node.end_lineno - node.lineno + 1, node.name) for node in ast.walk(tree)
             if isinstance(node, ast.FunctionDef)]
    assert [(size, name) for size, name in lines if size > 40] == []
    sizes = sorted(size for size, _ in lines)
    assert sizes[len(sizes) * 9 // 10] <= 20


def test_one_order_of_verbs_everywhere():
    rules = [node.name for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name.startswith('rule_')]
    assert rules == [route.rule.__name__ for route in mocean.ROUTES if route.rule]


def test_every_setting_that_has_a_unit_names_it():
    settings = [LINES[number] for number in part('# --- SETTINGS')]
    numbers = [name for line in settings for name in re.findall(r'^([A-Z_, ]+) = [\d(]', line)]
    names = [name for names in numbers for name in names.split(', ')]
    units = ('_CELLS', '_S', '_M', '_POINTS', '_RADIANS', 'PER_S', 'PER_MINUTE', '_PRICE',
             '_KEPT', '_LINES', '_LENGTH', '_BOATS', 'MOST_SEEN', '_SECTORS', 'AT_ONCE')
    counts = ('COLUMNS', 'ROWS', 'HOMES', 'MARKS', 'SEAMOUNTS')           # how many of what the name says
    without = [name for name in names if not re.search(f'({"|".join(units)})$', name) and name not in counts]
    assert len(names) > 70 and without == []


def test_hints_stand_where_the_title_page_says():
    """All through PART 1, and where a rider calls: but for constructors, whose fields have words, and COMMON."""
    riders = ''.join((ROOT / f'{program}.py').read_text(encoding='utf-8') for program in PROGRAMS[1:])
    called = set(re.findall(r'\bgame\.(\w+)', riders)) | {'play', 'rehearse'}
    nouns, common = part('# PART 1', '# PART 2'), part('# --- COMMON')
    wanted = [node for node in functions(range(len(LINES))) if node.name != '__init__' and node.lineno - 1 not in common
              and (node.lineno - 1 in nouns or node.name in called)]
    bare = [node.name for node in wanted if not node.returns
            or any(not value.annotation and value.arg != 'self' for value in node.args.args)]
    assert bare == [] and len(wanted) > 80


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
        assert mocean.read_call(route, mocean.pairs_of(query), 'text').route is route
        assert route.meaning and route.reply


def test_the_lists_of_packages_say_the_same():
    lists = [(ROOT / f'requirements{which}.txt').read_text() for which in ('', '-vm', '-dev')]
    wanted = ''.join(lists)
    pip = dict(re.findall(r'^([A-Za-z]+)==([\d.]+)\.\*', wanted, re.M))
    conda = dict(re.findall(r'^  - ([a-z]+)=([\d.]+)$', (ROOT / 'environment.yml').read_text(), re.M))
    python = conda.pop('python')
    assert python in ('3.10', '3.11', '3.12', '3.13', '3.14')
    pip = {name.lower().replace('pyuwsgi', 'uwsgi'): version for name, version in pip.items()}
    assert set(conda) == {'bottle', 'uwsgi', 'requests', 'pytest', 'webtest'}
    assert [name for name, version in conda.items() if not f'{version}.'.startswith(f'{pip[name]}.')] == []
    for shorter, longer in (('', '-vm'), ('-vm', '-dev')):
        assert f'-r requirements{shorter}.txt\n' in lists[('', '-vm', '-dev').index(longer)]
    assert re.findall(r'^\w+', lists[0], re.M) == ['bottle', 'requests']       # a laptop compiles nothing
