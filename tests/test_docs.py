"""What the documents say is run: each example of docs/routes.md and docs/extend.md, taken from the page."""
import re
import shutil

import pytest
from conftest import ROOT, Clock, Server, begin_ocean, join, poll, woken

import mocean


def blocks(page, language='python'):
    """The examples of a page, in order."""
    return re.findall(rf'```{language}\n(.*?)```', (ROOT / page).read_text(encoding='utf-8'), re.S)


def mended(source, diff):
    """A program after the change that a page shows."""
    lines = diff.splitlines(keepends=True)
    before = ''.join(line[1:] or line for line in lines if line[0] != '+')
    after = ''.join(line[1:] or line for line in lines if line[0] != '-')
    assert source.count(before) == 1, f'the page shows what is not there:\n{before}'
    return source.replace(before, after)


@pytest.fixture
def ship(tmp_path):
    """A folder with the programs in it, as on the VM, to change and to start: ship(extra=...) is a server."""
    folder, servers = tmp_path / 'ship', []
    folder.mkdir()
    for program in ('mocean.py', 'steps.py', 'data.py'):
        shutil.copy(ROOT / program, folder)

    def start(chdir=folder):
        server = Server(str(folder / 'mocean'), tmp_path, extra=('--chdir', str(chdir)))
        servers.append(server)
        return server.start()
    start.folder = folder
    yield start
    for server in servers:
        server.kill()


def run_the_test(example, say):
    """Run the test that a page shows."""
    namespace = {}
    exec(example, namespace)
    test = next(value for name, value in namespace.items() if name.startswith('test_'))
    test(say)


def test_the_route_that_the_page_adds_works_as_the_page_says(ship):
    program, _, test = blocks('docs/routes.md')
    (ship.folder / 'my_routes.py').write_text(program, encoding='utf-8')
    say = ship()
    run_the_test(test, say)
    usage = say('/mocean')
    assert '/shout: tell everybody' in usage and 'message=ahoy' in usage
    assert '/shout id message n' in say('/?usage=brief')
    assert [parameter['name'] for parameter in say('/openapi.json').json()['paths']['/shout']['get']['parameters']] == [
        'id', 'message', 'n', 'format']
    id = join(say, 'bob')
    say(f'/dive?id={id}&direction=down')
    reply = say(f'/shout?id={id}&message=hi')
    assert (reply.status, reply.lines[0]) == (409, 'nobody hears you under water; come up first')
    assert say(re.sub('try: http://[^/]+', '', reply.lines[1])).status == 200
    assert say(f'/shout?id={id}').lines[1].endswith(f'/shout?id={id}&message=ahoy')
    assert say(f'/shot?id={id}&message=ho').lines == [
        'there is no /shot here; did you mean /shout?', f'try: {say.url}/shout?id={id}&message=ho']
    assert say(f'/shout?id={id}&message=ho&n=1') == say(f'/shout?id={id}&message=ho&n=1') == 'ho'
    assert say('/news').count('bob shouts: ho') == 1


def test_the_parameter_that_the_page_adds_can_be_read():
    namespace = {'game': mocean}
    exec(blocks('docs/routes.md')[1], namespace)
    song = namespace['SONG']
    assert song.read(song.example) == 'la la la'
    assert mocean.read_whole(1, 6)('6') == 6 and mocean.read_word('red', 'blue')('Red') == 'red'


def test_routes_of_ones_own_are_looked_for_where_one_works_first(ship, tmp_path):
    """Then beside the program: so a clone stays as it came."""
    program = blocks('docs/routes.md')[0]
    (ship.folder / 'my_routes.py').write_text(program.replace("'shout'", "'cry'"), encoding='utf-8')
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'my_routes.py').write_text(program, encoding='utf-8')
    say = ship(chdir=work)
    assert '/shout' in say('/?usage=brief') and '/cry' not in say('/?usage=brief')


@pytest.mark.parametrize('mistake, said', [
    ('def ride(', 'SyntaxError'),
    ('import nowhere', "No module named 'nowhere'"),
    ('raise SystemExit', 'SystemExit'),
    ('', 'Is a directory'),
    ('x = 1', "has no attribute 'ride'"),
    ('def ride(game, sea):\n    return None', "'NoneType' object has no attribute 'routes'"),
    ('def ride(game, sea):\n    game.Route("/aa", None, "", "")', "'/aa': a route is called by small letters"),
    ('def ride(game, sea):\n    game.Route("aa", None, "", "", (game.FORMAT,))', 'gets its n and its format')])
def test_a_mistake_in_ones_own_routes_stops_nothing(ship, mistake, said):
    file = ship.folder / 'my_routes.py'
    if mistake:
        file.write_text(mistake, encoding='utf-8')
    else:
        file.mkdir()                      # a folder of that name
    say = ship()
    assert 'my_routes.py cannot ride along' in say.log() and said in say.log()
    assert say(f'/move?id={join(say)}&heading=north').status == 200


FORGOTTEN = [     # what a student leaves out, row by row of the page's table
    ('return game.Rider', 'game.Rider'), ('[shout]', 'shout'), ('(game.ID, game.MESSAGE)', '(game.ID)'),
    ('def rule_shout(turn, message)', 'def rule_shout(turn)')]


def test_the_page_knows_what_the_log_says_of_what_was_forgotten(ship):
    page = (ROOT / 'docs/routes.md').read_text(encoding='utf-8')
    table = re.findall(r'^\| `(.+?)` \| .*`.*` ', page.split('the log says | what is missing')[1], re.M)
    for name, said, (whole, without) in zip(('ada', 'bob', 'eve', 'zoe'), table, FORGOTTEN, strict=True):
        program = blocks('docs/routes.md')[0].replace(whole, without)
        (ship.folder / 'my_routes.py').write_text(program, encoding='utf-8')
        say = ship()
        say(f'/shout?id={join(say, name)}&message=hi')
        assert said in say.log().replace('is not a container or iterable', 'is not iterable'), said
        say.kill()


def test_who_imports_mocean_gets_the_game_that_runs(ship):
    """Not a second one, which would want the same ocean, and end the first."""
    program = 'import mocean\n' + blocks('docs/routes.md')[0].replace('game.Route(', 'mocean.Route(')
    (ship.folder / 'my_routes.py').write_text(program, encoding='utf-8')
    say = ship()
    assert say(f'/shout?id={join(say)}&message=hi') == 'hi' and 'cannot' not in say.log()


def test_a_route_that_mocean_has_stays_as_it_is(ship):
    program = blocks('docs/routes.md')[0]
    (ship.folder / 'my_routes.py').write_text(program.replace("'shout', rule", "'move', rule"), encoding='utf-8')
    say = ship()
    assert say(f'/move?id={join(say)}&heading=north').count(',') == 2
    assert 'my_routes.py has /move, which is there already: it stays as it was' in say.log()


RULES = {         # what a student writes into a rule, and what the log says of it
    'return': 'rule_shout returned None; a rule returns the facts to tell, as a dict or a list of dicts',
    "return 'ahoy'": "rule_shout returned 'ahoy'; a rule returns the facts to tell, as a dict or a list of dicts",
    "return turn.steer(score='many') or {}": "a rule wrote score = 'many' into boats ada, which is no Count",
    'raise ValueError(message)': 'ValueError: hi',
    'import sys; sys.exit()': 'SystemExit',
}


@pytest.mark.parametrize('line', RULES)
def test_a_bug_in_a_rule_of_ones_own_is_told_in_the_one_form(ship, line):
    program = blocks('docs/routes.md')[0].replace("return {'shouted': message}", line)
    (ship.folder / 'my_routes.py').write_text(program, encoding='utf-8')
    say = ship()
    id = join(say)
    reply = say(f'/shout?id={id}&message=hi&format=json')
    assert (reply.status, reply.json()['error']) == (500, mocean.MISTAKE)
    assert 'ada asked for /shout?message=hi&format=json and met a bug:' in say.log() and RULES[line] in say.log()
    assert 'shouts' not in say('/news') and say(f'/move?id={id}&heading=north').status == 200


SORRY = """

class Sorry(Exception):
    def __init__(self, *what):
        self.words, self.status, self.route, self.fix = what
        self.numbers = {}
"""


@pytest.mark.parametrize('what, works', [
    ('what', 'dive?id={id}&direction=up'), ('what[0], what[1], "", {}', 'shout?id={id}&message=hi')],
    ids=['with a better call', 'without one'])
def test_a_refusal_of_a_rider_is_known_by_what_it_has(ship, what, works):
    """steps.py and data.py have a Refusal of their own, and a student may write one."""
    program = blocks('docs/routes.md')[0].replace('game.Refusal', 'Sorry') + SORRY.replace('= what', f'= {what}')
    (ship.folder / 'my_routes.py').write_text(program, encoding='utf-8')
    say = ship()
    id = join(say)
    say(f'/dive?id={id}&direction=down')
    assert say(f'/shout?id={id}&message=hi').lines == [
        'nobody hears you under water; come up first', f'try: {say.url}/{works.format(id=id)}']


def test_a_bug_in_a_rule_does_not_hide_what_a_call_got_wrong(ship):
    program = blocks('docs/routes.md')[0].replace('(turn, message):\n', '(turn, message):\n        1 / 0\n')
    (ship.folder / 'my_routes.py').write_text(program, encoding='utf-8')
    say = ship()
    id = join(say)
    forgot = say(f'/shout?id={id}')
    assert (forgot.status, forgot.lines[1]) == (400, f'try: {say.url}/shout?id={id}&message=ahoy')
    assert 'ZeroDivisionError' not in say.log()
    assert say(f'/shout?id={id}&message=ahoy').status == 500 and 'ZeroDivisionError' in say.log()


def test_the_treasure_that_the_page_adds_can_be_found_and_used(tmp_path, monkeypatch):
    source = (ROOT / 'mocean.py').read_text(encoding='utf-8')
    program = tmp_path / 'mocean_with_lantern.py'
    program.write_text(mended(source, blocks('docs/extend.md', 'diff')[0]), encoding='utf-8')
    monkeypatch.syspath_prepend(str(tmp_path))
    clock = Clock()
    with woken(tmp_path / 'state', program=program.stem, clock=clock) as say:
        id, sea = join(say), say.app.sea
        name, x, y, z = sea.ocean.floor.treasures[2]
        assert name == 'lantern'
        game = __import__(program.stem)
        game.merge(sea.ocean, game.change_of(sea.ocean, {'boats': {'ada': {'x': x, 'y': y, 'z': z}}}))
        assert say(f'/get?id={id}&item=treasure') == 'lantern,40'
        clock.now += 1
        home = sea.ocean.floor.seamounts[0]
        assert say(f'/use?id={id}&item=lantern').startswith(f'{home.name} is ')
        assert say(f'/use?id={id}&item=lantren').lines[0] == "item was 'lantren'; did you mean lantern?"


def test_the_column_that_the_page_adds_is_served(ship):
    _, game, name, place = blocks('docs/extend.md', 'diff')
    for program, diffs in (('mocean.py', [game]), ('data.py', [name, place])):
        source = (ship.folder / program).read_text(encoding='utf-8')
        for diff in diffs:
            source = mended(source, diff)
        (ship.folder / program).write_text(source, encoding='utf-8')
    say = ship()
    id = join(say)
    say(f'/move?id={id}&heading=east')
    rows = poll(lambda: (reply := say('/erddap/tabledap/tracks.csv?player,score')).status == 200 and reply.split())
    assert rows[:2] == ['player,score', ',1']
    assert re.fullmatch(r'ada,[0-9.]+', rows[2])


def test_the_puzzle_that_the_page_adds_is_on_the_ladder(tmp_path, monkeypatch):
    source = (ROOT / 'steps.py').read_text(encoding='utf-8')
    puzzle = next(block for block in blocks('docs/steps.md') if block.startswith('@step'))
    last = source.index("\n\n@step(", source.index("def exchange"))
    (tmp_path / 'steps_of_a_week.py').write_text(source[:last] + '\n\n' + puzzle + source[last:], encoding='utf-8')
    monkeypatch.syspath_prepend(str(tmp_path))
    with woken(tmp_path / 'state', program='steps_of_a_week') as say:
        assert 'How many days has a week?' in say('/week')
        assert 'Seven, and each as long as the others.' in say('/week?message=7')


def test_the_first_session_of_the_readme_answers_as_it_says(tmp_path):
    """All but the first answer, for which the boat is put where the page has it."""
    session = '\n'.join(blocks('README.md', 'text')).strip().split('\n\n')
    host = 'http://localhost:8080'
    id, name, x, y, _ = session[0].split('\n')[1].split(',')
    boat = mocean.Boat(name, id, int(x), int(y))
    with woken(begin_ocean(tmp_path / 'state', boats={name: boat})) as say:
        assert say(f'/join?name={name}&id={id}').split(',') == [id, name, x, y, '0']
        assert len(session) == 4
        for exchange in session[1:]:
            url, answer = exchange.split('\n', 1)
            assert say(url.removeprefix(host), headers={'Host': 'localhost:8080'}) == answer


def anchors(page):
    """What a link may name behind its #: the headings, as web sites for code write them."""
    text = re.sub(r'^```.*?^```', '', page.read_text(encoding='utf-8'), flags=re.M | re.S)
    headings = re.findall(r'^#+ (.*)', text, re.M)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_every_link_of_the_documents_leads_to_a_file_and_to_a_heading_in_it():
    for page in [*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md'), *(ROOT / 'clients').glob('*.md')]:
        for link in re.findall(r'\]\(([^)\s]+)', page.read_text(encoding='utf-8')):
            path, _, anchor = link.partition('#')
            goal = page.parent / path if path else page
            assert '://' in link or goal.exists(), f'{page.name} links to {link}'
            assert '://' in link or not anchor or anchor in anchors(goal), f'{page.name} links to {link}'
