"""The live map in a real Chromium, on a real server: what a classroom sees."""
import datetime
import itertools
import json
import re
import subprocess
import sys
import threading

import bots
import pytest
from browser import CHROMIUM, SWITCHES, open_map
from conftest import ROOT, Server, begin_ocean, join, poll

from mocean import Boat

pytestmark = pytest.mark.browser
MAP = ROOT / 'clients' / 'map.html'


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    """One server for all tests that do not stop it."""
    server = Server('mocean', tmp_path_factory.mktemp('sea'))
    yield server.start()
    server.kill()


@pytest.fixture
def empty_sea(tmp_path):
    """A server of one's own."""
    server = Server('mocean', tmp_path)
    yield server.start()
    server.kill()


@pytest.fixture
def complaints():
    """What the browser found wrong: nothing, at the end of each test."""
    found = []
    yield found
    assert found == []


@pytest.fixture
def wall(browser, sea, complaints):
    """wall('#view=planet'): the map of the common server, or of another, in a fresh window."""
    pages = []

    def open(query='', server=sea, **options):
        pages.append(open_map(browser, f'{server.url}/map{query}', complaints, **options))
        until(pages[-1], 'mocean.ocean.loaded')
        return pages[-1]
    yield open
    for page in pages:
        page.context.close()


def row(server, id, heading, cells):
    """So many cells, one a call, ten a second: the server makes us wait, we never sleep."""
    for _ in range(cells):
        reply = server(f'/move?id={id}&heading={heading}')
        assert reply.status == 200, reply
    return [int(value) for value in reply.split(',')]


def until(page, question, *what):
    """Ask the page until it says yes. Playwright's own waiting needs eval, which the page's security policy forbids."""
    return poll(lambda: page.evaluate(question, *what), 20)


def show(page, at):
    """Drag the time bar to a moment."""
    page.evaluate('''at => {
        const bar = document.querySelector('#when input');
        bar.step = 'any';
        bar.value = at - mocean.ocean.began;                            // all in one session
        bar.dispatchEvent(new Event('input'));
    }''', at)


def seen(page, name):
    """Where on the screen the map shows a boat."""
    return page.evaluate('name => mocean.places.get(name)', name)


def test_a_visitor_sees_who_is_there_and_how_to_join(wall, sea):
    join(sea, 'hedy')
    page = wall()
    page.get_by_role('row', name='hedy').wait_for()
    assert page.locator('#join code').inner_text() == sea('/chart').json()['address'] + '/join?name=you'
    until(page, "mocean.places.has('hedy')")
    page.get_by_role('log').get_by_text('hedy joined').wait_for()
    assert re.search(r'\d+ boats? · 0 % charted', page.locator('#summary').inner_text())
    assert 'boat' in page.get_by_role('img', name='The ocean').get_attribute('aria-label')
    screen_reader = page.context.new_cdp_session(page)
    told = screen_reader.send('Accessibility.getFullAXTree')['nodes']
    spoken = {(node['role']['value'], node.get('name', {}).get('value')) for node in told if not node['ignored']}
    assert spoken >= {('table', 'Score'), ('rowheader', 'hedy'), ('slider', 'Time shown on the map'),
                      ('button', 'Replay'), ('region', 'How to join')}


def arrives(page, name, x, y):
    """The boat is drawn on the wall at this cell."""
    until(page, """([name, x, y]) => { const boat = mocean.places.get(name), cell = boat && mocean.chart.place(x, y);
                   return boat && Math.hypot(boat.x - cell.x, boat.y - cell.y) < 1; }""", [name, x, y])


def ran(folder, program):
    """What a program says, saved and run as a student does it."""
    (folder / 'mine.py').write_text(program, encoding='utf-8')
    done = subprocess.run([sys.executable, folder / 'mine.py'], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_a_newcomer_gets_from_the_wall_to_a_moving_boat(empty_sea, wall, tmp_path):
    """The address on the wall, typed into a browser; the README's program; then clients/README.md, word by word."""
    page = wall(server=empty_sea)
    tab = page.context.new_page()
    address = empty_sea('/chart').json()['address']                     # the server under test is on 127.0.0.1 only
    tab.goto(page.locator('#join code').inner_text().replace('you', 'nia').replace(address, empty_sea.url))
    id, name, x, y, _ = tab.locator('code').first.inner_text().split(',')
    tab.goto(f'{empty_sea.url}/client.py?id={id}&level=1')
    starter = tab.locator('body').inner_text()
    tab.close()
    example = re.search(r'```python\n(.*?)```', (ROOT / 'README.md').read_text(encoding='utf-8'), re.S)[1]
    said = ran(tmp_path, example.replace('http://localhost:8080', empty_sea.url).replace('k7p2m3qx', id))
    x = (int(x) + 100) % 600
    assert said.splitlines()[99] == f'{x},{y},0'
    arrives(page, 'nia', x, int(y))
    change = r"Change `(.+?)` into `(.+?)`"
    before, after = re.search(change, (ROOT / 'clients' / 'README.md').read_text(encoding='utf-8')).groups()
    assert before in starter
    ran(tmp_path, starter.replace(before, after))
    arrives(page, 'nia', x, (int(y) + 10) % 400)


def test_a_boat_moves_on_the_map_and_glides_between_two_answers(wall, sea):
    id, _, x, *_ = sea('/join?name=grace').split(',')
    way, sign = ('west', -1) if int(x) > 300 else ('east', 1)           # not across a seam: that is the next test
    page = wall()
    until(page, "mocean.places.has('grace')")
    start = seen(page, 'grace')
    page.evaluate('''() => {
        window.seen = new Set();
        const note = () => { seen.add(mocean.places.get('grace').x); requestAnimationFrame(note); };
        note();
    }''')
    x = row(sea, id, way, 60)[0]
    until(page, 'x => Math.abs(mocean.places.get("grace").x - mocean.chart.place(x, 0).x) < 1', x)
    end = seen(page, 'grace')
    assert (end['x'] - start['x']) * sign > 40 and abs(end['y'] - start['y']) < 1
    assert len(page.evaluate('[...seen]')) > 4                  # many places on the way, not one leap
    assert page.evaluate('[...mocean.ocean.charter].filter(name => name === "grace").length') >= 5


@pytest.mark.parametrize('way, x, there', [('east', 590, 20), ('west', 9, 579)])
def test_a_boat_that_crosses_a_seam_does_not_streak_across_the_map(empty_sea, wall, way, x, there):
    """On a row of the chart where no name, no mark and no treasure is."""
    id, y = 'k7p2m3qx', 100
    empty_sea.stop()
    for file in empty_sea.folder.glob('mocean*'):
        file.unlink()
    begin_ocean(empty_sea.folder, seed=12, boats={'noor': Boat('noor', id, x, y)})
    empty_sea.start()
    assert all(abs(mark[1] - y) > 30 for mark in empty_sea('/chart').json()['course']['marks'])
    page = wall(server=empty_sea)
    until(page, "mocean.places.has('noor') && mocean.painted_all()")
    page.evaluate('''y => {
        const chart = document.querySelector('#chart');
        const middle = mocean.chart.place(300, y), ratio = chart.width / chart.clientWidth;
        const box = [middle.x - 100, middle.y - 6, 200, 12].map(number => number * ratio);
        const band = () => chart.getContext('2d').getImageData(...box).data;
        const before = band().slice();
        window.watch = {changed: 0, frames: 0};
        const look = () => {
            const now = band();
            watch.changed += now.some((value, i) => Math.abs(value - before[i]) > 8);
            watch.frames++;
            requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    }''', y)
    before = seen(page, 'noor')
    assert row(empty_sea, id, way, 30)[0] == there
    until(page, 'x => Math.abs(mocean.places.get("noor").x - x) > 400', before['x'])
    until(page, 'x => Math.abs(mocean.places.get("noor").x - mocean.chart.place(x, 0).x) < 1', there)
    watch = page.evaluate('watch')
    assert watch['changed'] == 0 and watch['frames'] > 5


def test_the_planet_is_a_torus_with_the_ocean_on_it(wall):
    page = wall('#view=planet', reduced_motion='reduce')
    looks = '''tilt => new Promise(done => requestAnimationFrame(() => {
        const {planet} = mocean, canvas = document.querySelector('#planet'), copy = document.createElement('canvas');
        planet.tilt = tilt;
        planet.show();
        Object.assign(copy, {width: canvas.width, height: canvas.height});
        copy.getContext('2d').drawImage(canvas, 0, 0);
        const at = (x, y) => [...copy.getContext('2d').getImageData(canvas.width * x, canvas.height * y, 1, 1).data];
        done({hole: at(0.5, 0.47), ring: at(0.3, 0.47), corner: at(0.02, 0.02)});
    }))'''
    above = page.evaluate(looks, 1.5)
    assert above['ring'][3] == 255 and sum(above['ring'][:3]) > 30
    assert above['hole'][3] == 0 and above['corner'][3] == 0            # one sees through the hole, and past the edge
    assert page.evaluate(looks, 0.0)['hole'][3] == 255                  # from the side the ring is in the way


def test_the_planet_hides_the_boats_on_its_far_side(wall, sea):
    join(sea, 'otto')
    page = wall('#view=planet&follow=otto', reduced_motion='reduce')
    until(page, "mocean.places.has('otto')")
    page.locator('#sea').focus()
    page.keyboard.press('ArrowRight')                                   # whoever turns the planet follows nobody
    page.evaluate('mocean.planet.spin += Math.PI; mocean.planet.tilt = 0')
    until(page, "!mocean.places.has('otto')")


@pytest.mark.parametrize('motion', ['reduce', 'no-preference'])
def test_the_planet_turns_by_itself_unless_calm_is_wanted(wall, motion):
    page = wall('#view=planet', reduced_motion=motion)
    page.evaluate('mocean.planet.rested = 99; window.start = mocean.planet.spin')
    page.evaluate('''new Promise(done => {
        let left = 4;
        const next = () => left-- ? requestAnimationFrame(next) : done();
        next();
    })''')
    assert page.evaluate('mocean.planet.spin === start') == (motion == 'reduce')


def test_keys_move_zoom_and_change_the_view(wall, sea):
    join(sea, 'ravi')
    page = wall()
    page.keyboard.press('+')
    assert page.evaluate('mocean.chart.zoom') > 1
    middle = page.evaluate('mocean.chart.x')
    page.locator('#sea').focus()
    page.keyboard.press('ArrowRight')
    assert page.evaluate('mocean.chart.x') > middle
    page.keyboard.press('0')
    assert page.evaluate('[mocean.chart.x, mocean.chart.y, mocean.chart.zoom]') == [300, 200, 1]
    page.keyboard.press('v')
    assert page.get_by_role('button', name='Planet').get_attribute('aria-pressed') == 'true'
    page.keyboard.press('v')
    page.keyboard.press('?')
    page.get_by_role('dialog', name='Keys').wait_for()
    page.keyboard.press('Escape')
    page.get_by_role('dialog').wait_for(state='hidden')


def test_the_mouse_drags_and_zooms_the_chart_and_turns_the_planet(wall):
    page = wall()
    sea = page.locator('#sea').bounding_box()
    x = round(sea['x'] + sea['width'] * 0.7)                    # a mouse points at whole pixels
    y = round(sea['y'] + sea['height'] * 0.4)
    under = 'point => { const cell = mocean.chart.cell(...point); return [cell.x, cell.y]; }'
    before = page.evaluate(under, [x - sea['x'], y - sea['y']])
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    until(page, 'mocean.chart.zoom > 2')
    after = page.evaluate(under, [x - sea['x'], y - sea['y']])
    assert after == pytest.approx(before, abs=1)                # what is under the mouse stays there
    page.get_by_text(f'x {int(before[0])}, y {int(before[1])}').wait_for()
    page.mouse.down()
    page.mouse.move(x - 90, y + 50, steps=3)
    page.mouse.up()
    assert page.evaluate(under, [x - 90 - sea['x'], y + 50 - sea['y']]) == pytest.approx(before, abs=1)
    page.get_by_role('button', name='Planet').click()
    spin, tilt = page.evaluate('[mocean.planet.spin, mocean.planet.tilt]')
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=3)
    page.mouse.up()
    assert page.evaluate('([spin, tilt]) => mocean.planet.spin > spin && mocean.planet.tilt > tilt', [spin, tilt])


def test_a_click_on_a_name_follows_the_boat(wall, sea):
    join(sea, 'yuki')
    page = wall()
    page.get_by_role('button', name='yuki').click()
    centred = '''() => {
        const sea = document.querySelector('#sea'), boat = mocean.places.get('yuki');
        return boat && Math.hypot(boat.x - sea.clientWidth / 2, boat.y - sea.clientHeight / 2) < 3;
    }'''
    until(page, centred)
    assert page.evaluate('mocean.chart.zoom') > 1
    page.keyboard.press('0')
    assert page.get_by_role('button', name='yuki').get_attribute('aria-pressed') == 'false'


HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'


def test_a_hostile_name_and_message_stay_text(browser, sea, complaints):
    """The game lets no such name in. A hostile server would, so we put one between."""
    def spoil(route):
        answer = route.fetch()
        told = answer.json()
        told['boats'].append({'name': HOSTILE, 'x': 300, 'y': 200, 'z': 0, 'heading': 0, 'score': 999,
                              'quests': 1, 'riding': HOSTILE, 'last': told['now']})
        told.get('names', []).append(HOSTILE)
        told['news'].append([10**9, told['now'], f'{HOSTILE} joined', HOSTILE, HOSTILE, 300, 200])
        told['sectors'].append([30, 20, HOSTILE, told['now'] - 60])
        route.fulfill(response=answer, body=json.dumps(told))
    context = browser.new_context()
    page = context.new_page()
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.route('**/chart?*', spoil)
    page.goto(f'{sea.url}/map')
    until(page, 'name => mocean.places.has(name)', HOSTILE)
    assert page.locator('#board tbody tr').first.inner_text().count(HOSTILE) == 1
    assert page.get_by_role('log').get_by_text(HOSTILE).count() == 1
    x, y = page.evaluate('(() => { const p = mocean.chart.place(305, 205); return [p.x, p.y]; })()')
    page.locator('#sea').hover(position={'x': x, 'y': y})
    page.get_by_text(f'charted by {HOSTILE}').wait_for()
    assert page.evaluate('window.pwned') is None
    assert page.locator('#board img, #news img, #sea img, #board script, #news script').count() == 0
    context.close()


def test_it_says_when_the_server_is_away_and_recovers_by_itself(browser, tmp_path):
    server = Server('mocean', tmp_path).start()
    complaints = []
    try:
        join(server, 'lena')
        page = open_map(browser, f'{server.url}/map', complaints)
        page.get_by_role('row', name='lena').wait_for()
        server.stop()
        page.get_by_role('status').get_by_text('The server is away').wait_for()
        page.get_by_role('button', name='Live', pressed=False).wait_for()
        server.start()
        page.locator('#notice:empty').wait_for(state='attached')
        join(server, 'omar')
        page.get_by_role('row', name='omar').wait_for()
        assert page.get_by_role('row', name='lena').count() == 1
        page.context.close()
    finally:
        server.kill()
    assert [words for words in complaints if 'ERR_' not in words] == []      # failed requests, and nothing else


def test_a_treasure_and_a_whale_appear_as_soon_as_somebody_has_found_them(empty_sea, wall):
    page = wall(server=empty_sea)
    id = join(empty_sea, 'jules')
    page.get_by_text('jules joined').wait_for()
    chart = empty_sea('/chart').json()
    assert chart['treasures'] == chart['whales'] == [] and '0 of 12 places' in page.locator('#summary').inner_text()
    names = [line.split(',')[1] for line in empty_sea(f'/look?id={id}').lines if line.startswith('treasure,')]
    assert not set(names) & set(re.findall(r'[\w ]+', json.dumps(chart)))   # he has seen it; the wall has not
    while empty_sea(f'/get?id={id}&item=treasure').status != 200:
        assert empty_sea(f'/dive?id={id}&direction=down').status == 200
    found = empty_sea('/chart').json()['treasures'][0]
    assert found['owner'] == 'jules'
    until(page, 'text => mocean.plates().some(plate => plate.text === text)', f'{found["name"]} (jules)')
    page.get_by_text('1 of 12 places of treasure found').wait_for()
    page.get_by_role('log').get_by_text(f'jules found the {found["name"]}').wait_for()


def drawn(page, x, y):
    """The colour a little to the west of a cell, within a mark: #rrggbb."""
    return page.evaluate('''([x, y]) => new Promise(done => requestAnimationFrame(() => {
        const canvas = document.querySelector('#chart'), ratio = canvas.width / canvas.clientWidth;
        const spot = mocean.chart.place(x, y), box = [(spot.x - 7.5) * ratio, spot.y * ratio, 1, 1].map(Math.round);
        const pixel = [...canvas.getContext('2d').getImageData(...box).data.slice(0, 3)];
        done(`#${pixel.map(part => part.toString(16).padStart(2, '0')).join('')}`);
    }))''', [x, y])


def test_the_course_of_now_is_on_the_wall_with_its_marks_and_best_times(fast_sea, wall):
    join(fast_sea, 'bob')
    page = wall(server=fast_sea)
    course = page.get_by_role('region', name='The regatta')
    start, *others = fast_sea('/chart').json()['course']['marks']
    course.get_by_text(f'It starts at {start[0]},{start[1]}').wait_for()
    page.get_by_role('heading', name=re.compile(r'^Course 0 · \d+:\d\d left$')).wait_for()
    accent = page.evaluate('colours.accent')
    assert drawn(page, *start) == accent                        # mark 0 is filled with the colour of the theme
    assert all(drawn(page, *mark) != accent for mark in others)
    subprocess.run([sys.executable, ROOT / 'tests' / 'fast_client.py', ROOT / 'clients' / 'regatta_2.py', fast_sea.url],
                   check=True, capture_output=True, timeout=60)
    time = fast_sea('/regatta?course=0&format=json').json()['times'][0]
    course.get_by_text('ada').wait_for()
    course.get_by_text(f'{time["seconds"]:.2f} s').wait_for()
    course.get_by_text(f'{time["points"]} points').wait_for()
    quests = page.get_by_role('row', name='ada').get_by_text(f'★{fast_sea("/chart").json()["boats"][1]["quests"]}')
    quests.wait_for()


def test_a_new_game_clears_the_wall(empty_sea, wall, complaints):
    id = join(empty_sea, 'jules')
    row(empty_sea, id, 'north', 20)
    page = wall(server=empty_sea)
    page.get_by_role('row', name='jules').wait_for()
    empty_sea.stop()
    for file in empty_sea.folder.glob('mocean*'):
        file.unlink()
    empty_sea.start()
    page.get_by_role('row', name='jules').wait_for(state='detached')
    until(page, 'mocean.ocean.entered.every(time => time === Infinity)')
    join(empty_sea, 'verne')
    page.get_by_role('row', name='verne').get_by_text('new', exact=True).wait_for()
    complaints[:] = [words for words in complaints if 'ERR_' not in words]   # the server was away for a moment


CLASS = [*bots.NAMES, *(f'boat{number}' for number in range(18))]


@pytest.mark.parametrize('wide, high', [(1024, 768), (1280, 720), (1920, 1080)])
def test_a_class_of_thirty_is_on_the_sea_and_no_name_covers_another(empty_sea, wall, wide, high):
    for name in CLASS:
        join(empty_sea, name)
    page = wall(server=empty_sea, viewport={'width': wide, 'height': high})
    until(page, f'mocean.places.size === {len(CLASS)}')
    plates = page.evaluate('mocean.plates()')
    named = {plate['text'] for plate in plates}
    assert len(named & set(CLASS)) >= 25                        # a crowd in a corner of the chart may be too dense
    for a, b in itertools.combinations(plates, 2):
        assert a['left'] + a['width'] <= b['left'] or b['left'] + b['width'] <= a['left'] or \
               a['top'] + a['height'] <= b['top'] or b['top'] + b['height'] <= a['top'], (a, b)


@pytest.mark.parametrize('theme', ['dark', 'light'])
def test_words_stand_out_and_depth_shows_without_colour(wall, theme):
    """As WCAG measures it: 4.5 between words and ground; and whoever sees no colours sees deep water darker."""
    page = wall(f'#theme={theme}')
    colour = 'name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim()'
    names = ['ground', 'panel', 'raised', 'ink', 'soft', 'accent', 'on-accent']
    colours = {name: page.evaluate(colour, name) for name in names}
    for words, ground in [('ink', 'ground'), ('ink', 'panel'), ('ink', 'raised'),
                          ('soft', 'ground'), ('soft', 'panel'), ('accent', 'panel'), ('on-accent', 'accent')]:
        bright, dim = sorted((brightness(colours[words]), brightness(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (words, ground)
    ramp = [brightness(colour) for _, colour in page.evaluate('DEPTHS')]
    assert all(deep < shallow * 0.8 for shallow, deep in itertools.pairwise(ramp))


def brightness(colour):
    """Of #rrggbb, from 0 (black) to 1 (white), as WCAG defines relative luminance."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_time_bar_shows_what_was_known_earlier(empty_sea, wall):
    id = join(empty_sea, 'mei')
    page = wall(server=empty_sea)
    until(page, "mocean.places.has('mei')")
    charted = 'mocean.ocean.charter.filter(name => name === "mei").length'
    row(empty_sea, id, 'south', 30)
    until(page, f'{charted} >= 3')
    times = page.evaluate('[...mocean.ocean.entered].filter((time, i) => mocean.ocean.charter[i] === "mei").sort()')
    until(page, 'at => server_now() - LAG_S > at + 1', times[0])        # what the map shows is a moment behind
    slider = page.get_by_role('slider')
    show(page, times[0] + 0.001)
    page.get_by_text('Sectors charted by then').wait_for()
    assert page.get_by_role('button', name='Live').get_attribute('aria-pressed') == 'false'
    row_of_mei = page.get_by_role('row', name='mei')
    row_of_mei.wait_for()
    assert row_of_mei.locator('.score').inner_text() == '1'             # the first sector; the others came later
    assert re.fullmatch(r'(.+ )?\d\d:\d\d:\d\d', slider.get_attribute('aria-valuetext'))
    page.keyboard.press('l')
    page.get_by_role('button', name='Live', pressed=True).wait_for()
    poll(lambda: int(row_of_mei.locator('.score').inner_text()) >= 3)
    page.get_by_role('combobox').select_option('×10')
    page.keyboard.press('p')                                            # from the beginning, until it has caught up
    page.get_by_role('button', name='Pause').wait_for()
    page.get_by_role('button', name='Live', pressed=True).wait_for()


def test_a_replay_shows_where_the_boats_were_before_the_page_was_opened(wall, sea):
    """From the tracks of the data service, which rides along."""
    id = join(sea, 'kepler')
    x, y, _ = row(sea, id, 'east', 30)
    tracks = f'/erddap/tabledap/tracks.csv0?time&player="kepler"&x={x}'
    poll(lambda: sea(tracks).status == 200)                             # the data service writes once a second
    then = datetime.datetime.fromisoformat(sea(tracks).strip().replace('Z', '+00:00')).timestamp()
    row(sea, id, 'west', 60)
    page = wall()
    page.get_by_role('row', name='kepler').wait_for()
    assert page.evaluate('mocean.ocean.boats.get("kepler").fixes[0].time') > then
    show(page, then + 0.01)
    until(page, '([x, y]) => { const want = mocean.chart.place(x, y), boat = mocean.places.get("kepler");'
                '              return boat && Math.hypot(boat.x - want.x, boat.y - want.y) < 2; }', [x, y])


def test_a_replay_goes_on_when_the_server_was_away_meanwhile(empty_sea, wall, complaints):
    id = join(empty_sea, 'kepler')
    x, y, _ = row(empty_sea, id, 'east', 30)
    tracks = f'/erddap/tabledap/tracks.csv0?time&player="kepler"&x={x}'
    poll(lambda: empty_sea(tracks).status == 200)
    then = datetime.datetime.fromisoformat(empty_sea(tracks).strip().replace('Z', '+00:00')).timestamp()
    row(empty_sea, id, 'west', 60)
    page = wall(server=empty_sea)
    empty_sea.stop()
    page.get_by_role('status').get_by_text('The server is away').wait_for()
    show(page, then + 0.01)
    until(page, "!mocean.places.has('kepler')")                         # his way is not known yet
    empty_sea.start()
    until(page, "mocean.places.has('kepler')")
    complaints[:] = [words for words in complaints if 'ERR_' not in words]


def test_without_webgl_there_is_the_chart(browser, sea, complaints):
    plain = browser.browser_type.launch(executable_path=CHROMIUM, args=[*SWITCHES, '--disable-3d-apis'])
    page = open_map(plain, f'{sea.url}/map#view=planet', complaints)
    page.get_by_role('status').get_by_text('This browser cannot draw the planet: it has no WebGL.').wait_for()
    page.get_by_role('button', name='Chart', pressed=True).wait_for()
    assert page.get_by_role('button', name='Planet').is_disabled()
    plain.close()
    complaints[:] = [words for words in complaints if 'WebGL' not in words]     # Chromium says why there is none


def test_it_works_as_a_file_too(browser, sea, complaints):
    join(sea, 'björk')
    page = open_map(browser, f'{MAP.as_uri()}?server={sea.url}&theme=light', complaints)
    page.get_by_role('row', name='björk').wait_for()
    assert page.evaluate('getComputedStyle(document.documentElement).colorScheme') == 'light'
    page.context.close()


def test_the_page_never_builds_html_from_text():
    text, scripts = MAP.read_text('utf-8'), [file.read_text('utf-8') for file in MAP.with_suffix('').glob('*.js')]
    unsafe = r'innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\('
    assert scripts and not re.search(unsafe, ''.join(scripts))
    for name in re.findall(r'(?:script src|link.* href)="(?!data:)([^"]*)"', text):   # nothing is loaded from elsewhere
        assert (MAP.parent / name).is_file()


def test_thirty_screens_do_not_disturb_the_game(sea):
    """Every screen asks once a second; here thirty ask as fast as they can while a boat rows."""
    id, done, answers = join(sea, 'kofi'), threading.Event(), []

    def watch():
        since = 0
        while not done.is_set():
            reply = sea(f'/chart?since={since}')
            answers.append(reply.status)
            since = reply.json()['now']
    screens = [threading.Thread(target=watch) for _ in range(30)]
    for screen in screens:
        screen.start()
    try:
        row(sea, id, 'north', 80)
    finally:
        done.set()
        for screen in screens:
            screen.join()
    assert set(answers) == {200} and len(answers) >= 30


KNOWN = """() => {
    const {ocean} = mocean, known = times => times.filter(isFinite).length;
    return {
        boats: Object.fromEntries([...ocean.boats.values()].filter(boat => boat.here).map(boat => {
            const {x, y, z} = boat.fixes.at(-1), {name, score, quests, last} = boat;
            return [name, [x, y, z, score, quests, last]];
        })),
        sectors: [known(ocean.entered), [...ocean.charter].filter(Boolean).sort().join()],
        depths: [...ocean.depth.keys()].filter(at => ocean.sounded[at] < Infinity)
            .map(at => [at, Math.round(ocean.depth[at] * 10) / 10, ocean.sounded[at], ocean.resounded[at]]),
        news: [...ocean.news].sort((a, b) => a[0] - b[0])
            .map(([number, {time, text, kind, name, x, y}]) => [number, time, text, kind, name, x, y]),
        treasures: ocean.treasures, places: ocean.treasure_places, frozen: ocean.frozen,
    };
}"""


def test_the_page_puts_together_what_it_is_told(browser, tmp_path):
    """After each thing that may happen it knows what a page knows that was opened then."""
    server = Server('mocean', tmp_path, env={'MOCEAN_CAPTAIN': 'correct-horse-battery'}).start()

    def whole():
        chart = server('/chart').json()
        return {'boats': {boat['name']: [boat[field] for field in ('x', 'y', 'z', 'score', 'quests', 'last')]
                          for boat in chart['boats']},
                'sectors': [len(chart['sectors']), ','.join(sorted(row[2] for row in chart['sectors']))],
                'depths': sorted([row * 60 + column, *rest] for column, row, *rest in chart['depths']),
                'news': chart['news'], 'treasures': chart['treasures'], 'places': chart['treasure_places'],
                'frozen': chart['frozen']}

    def order(order):
        assert server(f'/captain?key=correct-horse-battery&order={order}').status == 200

    def begin_anew():
        server.stop()
        server.start()
    try:
        ada, bob = join(server, 'ada'), join(server, 'bob')
        page = open_map(browser, f'{server.url}/map', [])                # while the server is away it complains
        for happens in (lambda: row(server, ada, 'north', 12), lambda: [server(f'/ping?id={ada}') for _ in range(2)],
                        lambda: order('rename&name=bob&new=eve'), lambda: server(f'/quit?id={bob}&sure=yes'),
                        begin_anew, lambda: order('freeze'), lambda: order('thaw'),
                        lambda: server(f'/join?name=eve&id={bob}'), lambda: order('round&minutes=5')):
            happens()
            poll(lambda: page.evaluate(KNOWN) == whole(), 40, 0.3)
        page.context.close()
    finally:
        server.kill()
