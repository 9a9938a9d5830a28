"""The scene on the wall, measured in a real Chromium: boats, names, planet, director, film, fingers and memory."""
import itertools
import random
import re
import time

import numpy
import pytest
from browser import open_map
from conftest import a_server_for_each, begin_ocean, crew_id, join, poll

import mocean

pytestmark = pytest.mark.browser
WALL, LAPTOP, LYING, STANDING = (1920, 1080), (1366, 768), (844, 390), (390, 844)
SIZES = [WALL, LAPTOP, LYING, STANDING, (960, 540)]     # the last: what a wall is at 200 %
AGO_S = 3600                                             # so long ago the prepared oceans began
MACHADO = {'trichromat': numpy.eye(3),                  # Machado, Oliveira, Fernandes 2009, severity 1.0
           'deutan': [[0.367322, 0.860646, -0.227968],
                      [0.280085, 0.672501, 0.047413],
                      [-0.011820, 0.042940, 0.968881]],
           'protan': [[0.152286, 1.052583, -0.204868],
                      [0.114503, 0.786281, 0.099216],
                      [-0.003882, -0.048116, 1.051998]]}


def an_ocean(folder, boats):
    """An ocean of an hour's play with so many boats: charted, sounded, with finds and news."""
    now, dice = time.time(), random.Random(1)
    names = [f'boat{number}' for number in range(boats)]
    rows = {}
    for number, name in enumerate(names):
        x, y = dice.randrange(mocean.WIDTH_CELLS), dice.randrange(mocean.HEIGHT_CELLS)
        if number % 3 == 0:                             # a third of the class is at one place
            x, y = (round(dice.gauss(middle, 30)) for middle in (300, 200))
        rows[name] = mocean.Boat(name, crew_id(number), x, y, pennant=number, score=1 + dice.randrange(400),
                                 z=20 if number % 7 == 3 else 0)
    sectors, depths = {}, {}
    for number in range(800):
        then = now - AGO_S + AGO_S * number / 800
        key = mocean.sector_key(number % 40 * 10, number // 40 * 10)
        sectors[key] = mocean.First(names[number % boats], then)
        depths[key] = mocean.Depth(5 + number % 45, 1, names[number % boats], at=now, first=then)
    news = {str(number): mocean.News(now - AGO_S + 600 * number, f'boat0 found the thing {number}', '', 'find', 'boat0',
                                     50 * number, 40 * number) for number in range(1, 6)}
    planet = {'mocean': mocean.Planet(7, now - AGO_S)}
    return begin_ocean(folder, planet=planet, boats=rows, sectors=sectors, depths=depths, news=news)


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    with a_server_for_each(an_ocean, tmp_path_factory) as start:
        yield start


FRESH = '''query => {
    go_live();
    if (director.on) stop_directing();
    Object.assign(director, {off: false, touched: performance.now()});
    close_card();
    history.replaceState(null, '', `${location.pathname}${query}`);
    obey_address();
    chart.whole();
    planet.whole();
    return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}'''


@pytest.fixture(scope='module')
def walls(browser, sea):
    """One page at a time: a test that wants the same kind of page as the one before gets it again."""
    kept, complaints = [], []

    def open(boats, query='', size=WALL, again=True, **options):
        kind = boats, tuple(options.items())
        if again and kept and kept[0] == kind:
            kept[1].set_viewport_size({'width': size[0], 'height': size[1]})
            kept[1].evaluate(FRESH, query)
            return kept[1]
        if kept:
            kept[1].context.close()
        page = blank_page(browser, complaints, size, **options)
        kept[:] = [kind if again else None, page]
        page.goto(f'{sea(boats).url}/map{query}')
        until(page, 'typeof mocean === "object" && mocean.ocean.loaded && mocean.places.size > 0')
        return page
    yield open, complaints
    if kept:
        kept[1].context.close()


def blank_page(browser, complaints, size, script='', **options):
    options['viewport'] = {'width': size[0], 'height': size[1]}
    page = open_map(browser, 'about:blank', complaints, **options)
    page.add_init_script(script)
    return page


@pytest.fixture
def wall(walls):
    """wall(30, '#view=planet'): the map with thirty boats, as if just opened; nothing goes wrong in it."""
    open, complaints = walls
    yield open
    assert complaints == []


def until(page, question, *what):
    return poll(lambda: page.evaluate(question, *what), 30)


def frames(page, count=2):
    """Let so many frames be drawn."""
    page.evaluate('count => new Promise(done => { const next = () => count-- ? requestAnimationFrame(next) : done();'
                  ' next(); })', count)


# --- COLOURS

def channels(colour):
    return numpy.array([int(colour[at:at + 2], 16) for at in (1, 3, 5)]) / 255


def linear(rgb):
    return numpy.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(light):
    """CIE 1976, of linear light."""
    xyz = light @ numpy.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    ratio = xyz / [0.9505, 1, 1.0891]
    cube = numpy.where(ratio > 216 / 24389, numpy.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return numpy.array([116 * cube[1] - 16, 500 * (cube[0] - cube[1]), 200 * (cube[1] - cube[2])])


def apart(one, other, eyes):
    """How different two colours look to these eyes: CIE76."""
    seen = [lab(numpy.clip(numpy.array(MACHADO[eyes]) @ linear(channels(colour)), 0, 1)) for colour in (one, other)]
    return float(numpy.linalg.norm(seen[0] - seen[1]))


def contrast(one, other):
    bright, dim = sorted((float(linear(rgb) @ [0.2126, 0.7152, 0.0722]) for rgb in (one, other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_eight_colours_are_apart_for_everybody_and_none_is_a_treasure(wall):
    hulls, gold, marks = wall(12).evaluate('[HULLS.map(([hull]) => hull), GOLD, MARKS]')
    assert len(hulls) == 8 and marks == ['plain', 'stripe', 'dot', 'chevron']
    for eyes in MACHADO:
        assert min(apart(one, other, eyes) for one, other in itertools.combinations(hulls, 2)) >= 30
        assert min(apart(hull, gold, eyes) for hull in hulls) >= 30


@pytest.mark.parametrize('theme', ['dark', 'light'])
def test_every_boat_shows_on_every_sea(wall, theme):
    """Around each hull lie a dark line and a light one: both are drawn, and on any sea one of them has 3 : 1."""
    page = wall(12, f'#theme={theme}')
    seas = page.evaluate('[...colours.ramp, colours.fog, colours.cloud, colours.water]')
    assert len(seas) > 100
    dark, light = (channels(colour) for colour in page.evaluate('[DARK, LIGHT]'))
    for sea in seas:
        assert max(contrast(dark, numpy.array(sea) / 255), contrast(light, numpy.array(sea) / 255)) >= 3, sea
    ring = '''veil => HULLS.map((_, number) => {           // from the middle of the boat outwards, in its flank
        const pen = Object.assign(document.createElement('canvas'), {width: 80, height: 80}).getContext('2d');
        const boat = {number};
        dress_boat(boat);
        pen.translate(40, 40);
        pen.scale(36, 36);
        paint_hull(pen, boat, veil);
        const at = y => [...pen.getImageData(20, 40 + y, 1, 1).data.slice(0, 3)];
        return [0, 18, 19, 20, 21, 22, 23, 24].map(at);
    })'''
    for veil in ('', *page.evaluate('[DEEP, PALE]')):
        for inner, *around in page.evaluate(ring, veil):
            around = [numpy.array(pixel) / 255 for pixel in around]
            assert max(contrast(pixel, dark) for pixel in around) > 15      # the light line
            assert min(contrast(pixel, dark) for pixel in around) < 1.1     # the dark one
            assert len(inner) == 3


WORN = '''Object.fromEntries([...mocean.ocean.boats.values()].filter(boat => boat.here)
                            .map(boat => [boat.name, boat.hull + boat.mark]))'''


def test_a_name_wears_the_same_colours_on_every_wall_whoever_goes_or_comes(wall, sea):
    server, page = sea(33), wall(33)
    before = page.evaluate(WORN)
    assert len({before[f'boat{number}'] for number in range(32)}) == 32
    assert server(f'/quit?id={crew_id(5)}&sure=yes').status == 200
    join(server, 'zoe')
    until(page, "mocean.ocean.boats.get('zoe')?.here && !mocean.ocean.boats.get('boat5').here")
    page = wall(33, again=False)                                # as another wall would open it
    after = page.evaluate(WORN)
    others = before.keys() - {'boat5'}
    assert after.keys() == others | {'zoe'} and all(after[name] == before[name] for name in others)
    assert server(f'/join?name=boat5&id={crew_id(5)}').status == 200
    until(page, "mocean.ocean.boats.get('boat5')?.here")
    assert page.evaluate(WORN)['boat5'] == before['boat5']


def test_boats_of_an_ocean_from_before_there_were_pennants_differ_too(wall):
    page = wall(1, again=False)
    worn = page.evaluate('''() => {
        forget();
        const names = Array.from({length: 30}, (_, i) => `old${i}`);
        for (const name of names) { const boat = meet(name); boat.here = true; wear(boat, 0); }
        return names.map(name => ocean.boats.get(name).hull + ocean.boats.get(name).mark);
    }''')
    assert len(set(worn)) == 30


# --- SIZES AND NAMES

def overlap(one, other):
    return (one['left'] < other['left'] + other['width'] and other['left'] < one['left'] + one['width'] and
            one['top'] < other['top'] + other['height'] and other['top'] < one['top'] + one['height'])


@pytest.mark.parametrize('boats', [1, 12, 30, 200])
def test_sizes_and_names_at_every_size_of_the_window(wall, boats):
    page = wall(boats)
    long = {1: 44, 12: 44, 30: 36, 200: 22}[boats]
    assert page.evaluate('[2 * unit(), letters(26), letters(20)]') == [long, 26, 20]
    for size in SIZES:
        page = wall(boats, size=size)
        plates, best = page.evaluate('[mocean.plates(), ranks(10)]')
        assert not any(overlap(*pair) for pair in itertools.combinations(plates, 2)), size
        named = {plate['boat']['name'] for plate in plates if plate.get('boat')}
        assert boats < 41 or named <= set(best)                 # nobody moves here; so the others carry no name
        assert len(named & set(best)) >= min(boats, 10 if size[0] > 900 else 5), (size, named)
        assert page.evaluate('letters(20)') >= 13


@pytest.mark.parametrize('size', SIZES)
def test_a_boat_at_the_seam_is_not_cut_and_no_name_covers_the_crown(wall, size):
    page = wall(12, size=size)
    edges = page.evaluate('''[[0, 0], [599.9, 399.9]].map(([x, y]) => chart.place(x, y)).map(({x, y}) =>
        Math.min(x, y, screen_size.width - x, screen_size.height - y) - unit())''')
    assert min(edges) > -1
    page.evaluate('sides.set(`boat ${ranks()[0]}`, 2)')         # above the boat, where the crown is
    frames(page)
    plates, crown = page.evaluate('''[mocean.plates(), (({x, y}, size) =>
        box_around(x, y - 1.4 * size, 1.4 * size, 0.8 * size))(places.get(ranks()[0]), unit())]''')
    assert len(plates) > 5 and not any(overlap(plate, crown) for plate in plates)


def test_in_a_crowd_who_just_moved_and_who_is_followed_are_named(wall, sea):
    page = wall(200, '#follow=boat150')
    until(page, "mocean.plates().some(plate => plate.text.startsWith('boat150'))")
    page.keyboard.press('0')
    until(page, "!mocean.plates().some(plate => plate.text.startsWith('boat150'))")
    named = page.evaluate('''() => {
        const at = shown(), seen = afloat(at);
        for (const one of seen) if (['boat7', 'boat8'].includes(one.boat.name)) one.spot = {...one.spot, moving: 1};
        return [...who_carries(seen, ranks(10), at)];
    }''')
    assert {'boat7', 'boat8'} <= set(named) and len(named) <= 13


# --- THE PLANET

@pytest.mark.parametrize('boats', [200, 30, 12])
def test_the_planet_says_who_is_behind_it(wall, boats):
    page = wall(boats, '#view=planet')
    page.evaluate('new Promise(done => requestAnimationFrame(() => { tell_behind(); note_covered(); done(); }))')
    words, seen = page.evaluate("[document.querySelector('#behind').textContent, mocean.places.size]")
    assert re.match(r'(\d+) boats? behind the planet: boat', words) and len(words) < 100
    assert int(words.split()[0]) + seen == boats
    frames(page)
    plates, box = page.evaluate('[mocean.plates(), covered[0]]')
    assert plates and box['width'] > 100 and not any(overlap(plate, box) for plate in plates)


def test_a_round_leaves_room_for_all_buttons_and_no_name_stands_under_its_title(wall):
    page = wall(30, again=False)
    a_round = '''state => ocean.told.round = {name: 'Tuesday, the final', state, seconds: 1200, podium: [],
                                              until: ocean.told.sea_time + 1200}'''
    for size in SIZES:
        page.set_viewport_size({'width': size[0], 'height': size[1]})
        page.evaluate(a_round, 'running')
        until(page, '!$("#countdown").hidden')
        assert page.evaluate('''[...document.querySelectorAll('header *')].filter(one => one.clientWidth)
            .every(one => one.getBoundingClientRect().right <= innerWidth)'''), size
        page.evaluate(a_round, 'prepared')
        until(page, '!$("#round").hidden && covered.length')
        frames(page)
        assert not page.evaluate('mocean.plates().filter(plate => covered.some(box => overlap(box, plate)))'), size


@pytest.mark.parametrize('size', SIZES)
def test_the_banner_lies_over_no_other_words(wall, size):
    page = wall(30, '#view=planet', size=size)
    page.evaluate('''queue_moment({text: 'boat0 went all the way round, north-south', seconds: 600});
                     Promise.all($('#moment').getAnimations().map(one => one.finished)).then(() => true)''')
    words = '''[...document.querySelectorAll('#moment, #caption, #behind')].filter(one => one.checkVisibility({
        visibilityProperty: true})).map(one => [one.id, one.getBoundingClientRect().toJSON()])'''
    try:
        for wanted in 'behind', 'caption':
            until(page, f'Boolean($("#{wanted}").textContent)')
            boxes = dict(page.evaluate(words))
            assert 'moment' in boxes
            assert not any(overlap(*pair) for pair in itertools.combinations(boxes.values(), 2)), boxes
            page.keyboard.press('d')                            # the director has a caption
    finally:
        page.evaluate('moment.until = 0')
    until(page, '$("#moment").hidden')


def test_who_is_outside_the_view_has_no_name_in_it(wall):
    page = wall(30)
    page.evaluate('mocean.chart.zoom = 4')
    frames(page)
    plates, wide, high = page.evaluate('[mocean.plates(), screen_size.width, screen_size.height]')
    spots = [(plate['x0'] / wide, plate['y0'] / high) for plate in plates]
    assert spots and all(-0.05 < value < 1.05 for spot in spots for value in spot)


# --- TIME

def test_a_gap_in_the_feed_draws_no_voyage_that_never_was(wall):
    page = wall(12)
    x = '''gap => {
        const boat = meet('tess'), told = {name: 'tess', y: 100, z: 0, heading: 0, score: 0, riding: '', pennant: 9};
        remember_boat({...told, x: 100}, 1000);
        remember_boat({...told, x: 110}, 1001);
        remember_boat({...told, x: 200}, 1001 + gap);
        const late = boat.fixes.at(-1).time;
        return [where(boat, 1000.5).x, where(boat, late - gap / 2).x, where(boat, late - 0.01).x, where(boat, late).x,
                jumped(...boat.fixes.slice(-2))];
    }'''
    assert page.evaluate(x, 30) == [105, 110, 110, 200, True]
    page.evaluate("ocean.boats.delete('tess')")
    middle = page.evaluate(x, 2)
    page.evaluate("ocean.boats.delete('tess')")
    assert middle[1] == 155 and middle[4] is False              # an answer that was a little late is no gap


def test_a_clock_two_hours_off_does_not_matter(wall):
    """The computer at the projector has its own idea of the time."""
    page = wall(12, script='const right = Date.now; Date.now = () => right() + 7200e3;')
    assert page.evaluate('mocean.places.size') > 10
    assert abs(page.evaluate('shown()') - time.time()) < 30
    page.evaluate('go_to(ocean.began + 1800, false)')
    assert page.evaluate('afloat(shown()).length') == 0         # no tracks: nobody knows where they were


def test_a_replay_on_a_page_opened_now_has_the_sea_floor_of_then(wall):
    page = wall(12)
    page.evaluate(f'go_to(ocean.began + {AGO_S / 2}, false)')
    known = 'ocean.sounded.filter(first => first <= shown()).length'
    assert abs(page.evaluate(known) - 400) < 10
    latest = page.evaluate('ocean.resounded.filter(at => at <= shown()).length')
    assert latest == 0                                          # each was sounded again a moment ago


def test_finds_stand_on_the_time_bar_and_lead_there(wall):
    page = wall(12)
    until(page, "document.querySelectorAll('#marks button').length === 5")
    page.get_by_role('button', name=re.compile('boat0 found the thing 3$')).click()
    at = page.evaluate('[mocean.time.live, mocean.time.at - ocean.began]')
    assert at[0] is False and at[1] == pytest.approx(1800, abs=5)


def test_what_is_dated_later_than_now_stands_not_beyond_the_bar(wall):
    """The computer's clock was put back."""
    page = wall(12, again=False)
    page.evaluate('remember_news([9, server_now() + 3600, "ada found a thing", "find", "ada", 1, 1]); tell_marks()')
    assert page.evaluate('$("#marks").children.length') == 5


def test_the_film_of_a_session_takes_a_minute(wall):
    page = wall(12)
    page.get_by_role('button', name='Film').click()
    rate, at, end = page.evaluate('[time.film, time.at - ocean.began, time.film_end - ocean.began]')
    assert rate == pytest.approx(end / 60, rel=0.01) and at < 600 and end > 3500
    page.get_by_text(re.compile(r'^The film of this session · \d\d:\d\d$')).wait_for()
    page.get_by_role('button', name='Stop', pressed=True).wait_for()
    page.evaluate('mocean.time.at = mocean.time.film_end - 1')
    page.get_by_role('button', name='Live', pressed=True).wait_for()
    page.get_by_role('button', name='Film', pressed=False).wait_for()


@pytest.mark.parametrize('body', [
    '{"broken', '{}', '{"now": 1, "began": 1, "width": 1e9, "height": 1e9, "sector": 10}'])
def test_whatever_is_answered_the_wall_asks_again_and_goes_on(wall, body):
    page = wall(12, again=False)
    page.route('**/chart?*', lambda route: route.fulfill(body=body))
    until(page, "away.startsWith('The server is away')")
    page.unroute('**/chart?*')
    until(page, "away === '' && ocean.width === 600 && mocean.places.size === 12")


# --- THE DIRECTOR

def test_the_director_shows_what_is_worth_seeing(wall):
    page = wall(12)
    page.evaluate("""ocean.news.set(900, {time: server_now(), text: 'boat0 found the ROV', kind: 'find',
                                          name: 'boat0', x: 100, y: 100})""")
    page.keyboard.press('d')
    said, views, leader = [], [], page.evaluate('ranks(1)[0]')
    for _ in range(5):
        frames(page)
        until(page, "document.querySelector('#caption').textContent === mocean.director.scene.caption")
        said.append(page.locator('#caption').inner_text())
        views.append(page.evaluate('view === planet'))
        page.evaluate('mocean.director.until = 0')
        frames(page)
    assert said[:2] == ['The whole ocean', 'boat0 found the ROV'] and said[2].startswith(f'{leader} leads with')
    assert re.fullmatch(r'boat\d+ is \d+ points? behind boat\d+|boat\d+ and boat\d+ are level', said[3])
    assert said[4].startswith('The planet') and views == [False] * 4 + [True]
    page.mouse.move(500, 500)
    page.mouse.down()
    page.mouse.up()
    assert page.evaluate('[mocean.director.on, view === chart, mocean.chart.zoom]') == [False, True, 1]
    until(page, "document.querySelector('#caption').textContent === ''")


def test_the_director_comes_close_to_what_it_speaks_of(wall):
    page = wall(12)
    page.keyboard.press('d')
    page.evaluate('Object.assign(mocean.director, {next: 2, until: 0})')
    frames(page)
    page.evaluate('mocean.director.until = Infinity')           # however slow this machine is
    until(page, 'mocean.chart.zoom > 2.9')
    until(page, '''() => { const place = mocean.places.get(ranks(1)[0]), sea = document.querySelector('#sea');
        return Math.hypot(place.x - sea.clientWidth / 2, place.y - sea.clientHeight / 2) < 30; }''')


@pytest.mark.parametrize('begins, query, options', [
    (True, '', {}), (True, '#view=planet', {}), (False, '#follow=boat1', {}), (False, '', {'size': STANDING}),
    (False, '#bare=1', {'again': False}), (False, '#director=off', {'again': False}),
    (False, '', {'reduced_motion': 'reduce'})])
def test_the_director_begins_by_itself_on_a_wall_that_nobody_touches(wall, begins, query, options):
    page = wall(12, query, **options)
    assert page.evaluate('mocean.director.on') is False
    page.evaluate('mocean.director.touched = performance.now() - 61e3')
    frames(page, 3)
    assert page.evaluate('mocean.director.on') is begins
    page.keyboard.press('d')                                    # who asks for it has it, or has it no longer
    frames(page)
    assert page.evaluate('mocean.director.on') is not begins


# --- HANDS

def test_the_address_keeps_what_is_seen(wall):
    page = wall(12)
    page.keyboard.press('v')
    page.evaluate("follow('boat3')")
    page.get_by_role('button', name='Light').click()
    state = "[view === planet, followed, document.documentElement.dataset.theme]"
    assert page.url.endswith('/map#view=planet&follow=boat3&theme=light')
    page.reload()
    until(page, 'mocean.ocean.loaded')
    assert page.evaluate(state) == [True, 'boat3', 'light']
    page.evaluate("location.hash = 'view=chart&theme=dark'")
    until(page, 'view === chart')
    assert page.evaluate(state) == [False, '', 'dark']


def test_the_address_may_ask_behind_a_question_mark(wall, sea):
    page = wall(12, '?view=planet&follow=boat4&theme=light', again=False)
    state = "[view === planet, followed, document.documentElement.dataset.theme]"
    assert page.evaluate(state) == [True, 'boat4', 'light']
    page.keyboard.press('v')
    page.reload()
    until(page, 'mocean.ocean.loaded')
    assert page.evaluate(state)[0] is False                     # what was chosen later wins
    refused = sea(12)('/map?colour=red')
    assert refused.status == 400 and 'view' in refused


def test_a_slash_at_the_end_leads_to_the_page(wall, sea):
    for path, there in [('/map/?theme=light', '../map?theme=light'), ('/map/', '../map'), ('/code/', '../code')]:
        reply = sea(12)(path)
        assert reply.status == 308 and reply.headers['Location'] == there
    assert wall(12, '/#view=planet', again=False).evaluate('[location.pathname, view === planet]') == ['/map', True]


def test_arrows_move_the_sea_only_when_it_has_the_focus(wall):
    page = wall(12)
    x = page.evaluate('mocean.chart.x')
    page.keyboard.press('ArrowRight')
    page.get_by_role('button', name='Keys').focus()
    page.keyboard.press('ArrowRight')
    assert page.evaluate('mocean.chart.x') == x
    page.locator('#sea').focus()
    page.keyboard.press('ArrowRight')
    assert page.evaluate('mocean.chart.x') > x


def test_a_click_on_a_boat_opens_its_card(wall):
    page = wall(12)
    box, place = page.locator('#sea').bounding_box(), page.evaluate("mocean.places.get('boat3')")
    page.mouse.click(box['x'] + place['x'], box['y'] + place['y'])
    card = page.get_by_role('region', name='A boat')
    card.get_by_role('heading', name='boat3').wait_for()
    facts = dict(zip(card.locator('dt').all_inner_texts(), card.locator('dd').all_inner_texts(), strict=True))
    assert re.fullmatch(r'\d+ of 12', facts['Rank']) and facts['Depth'] == '20 m' and {'Points', 'Quests'} <= set(facts)
    card.get_by_role('button', name='Follow').click()
    assert page.evaluate('followed') == 'boat3'
    card.get_by_role('button', name='Do not follow').click()
    assert page.evaluate('followed') == ''
    page.keyboard.press('Escape')
    card.wait_for(state='hidden')


@pytest.mark.parametrize('size', SIZES)
def test_a_card_shows_each_fact_in_a_line_and_both_buttons_side_by_side(wall, size):
    page = wall(30, size=size)
    page.evaluate("open_card('boat3'); follow('boat3')")
    lines, whole, tops = page.evaluate('''[[...document.querySelectorAll('#card dd')].map(one => one.clientHeight),
        $('#card').scrollHeight <= $('#card').clientHeight,
        [...document.querySelectorAll('#card button')].map(one => one.getBoundingClientRect().top)]''')
    assert len(set(lines)) == 1 and whole and len(set(tops)) == 1
    page.evaluate("close_card(); follow('boat3')")


class Hand:
    """Fingers on the screen of a phone."""

    def __init__(self, page):
        self.page, self.session = page, page.context.new_cdp_session(page)
        box = page.locator('#sea').bounding_box()
        self.x, self.y = box['x'] + box['width'] / 2, box['y'] + box['height'] * 0.6

    def touch(self, what, *points):
        self.session.send('Input.dispatchTouchEvent', {
            'type': what, 'touchPoints': [{'x': self.x, 'y': self.y + dy, 'id': id} for id, dy in enumerate(points)]})

    def move(self, *ways):
        """As many fingers, each from 0 or from where it begins, by so many pixels up or down."""
        self.touch('touchStart', *(begin for begin, _ in ways))
        for step in range(1, 20):                               # at the end at rest, so that the page does not glide on
            self.touch('touchMove', *(begin + way * min(step / 12, 1) for begin, way in ways))
        self.touch('touchEnd')


def at_rest(page):
    """Wait until the page does not glide any more."""
    def still():
        before = page.evaluate('scrollY')
        frames(page, 10)
        return page.evaluate('scrollY') == before
    poll(still)


@pytest.mark.parametrize('size', [LYING, STANDING])
def test_the_page_scrolls_under_the_finger_until_a_boat_is_followed_and_two_fingers_zoom(wall, size):
    page = wall(12, size=size, has_touch=True, is_mobile=True)
    Hand(page).move((0, -120))
    until(page, 'scrollY > 20')
    at_rest(page)
    page.evaluate("scrollTo(0, 0); follow('boat3'); mocean.chart.zoom = 1")
    at_rest(page)                                               # and the browser knows that the sea is held
    Hand(page).move((0, -120))
    assert page.evaluate('[scrollY, followed]') == [0, '']      # whoever moves the sea follows no longer
    Hand(page).move((-20, -50), (20, 50))
    until(page, 'mocean.chart.zoom > 1.5')
    assert page.evaluate('[visualViewport.scale, scrollY]') == [1, 0]
    small = page.evaluate('''[...document.querySelectorAll('button, select')]
        .filter(one => one.offsetWidth && !one.closest('#board, #marks'))
        .map(one => [one.textContent, Math.min(one.offsetWidth, one.offsetHeight)]).filter(([, size]) => size < 44)''')
    assert small == []


def test_the_wheel_zooms_on_a_wall_and_scrolls_a_page_that_is_longer(wall):
    page = wall(12)
    page.locator('#sea').hover()
    page.mouse.wheel(0, -300)
    until(page, 'mocean.chart.zoom > 1.5')
    page = wall(12, size=LYING)
    page.locator('#sea').hover()
    page.mouse.wheel(0, 200)
    until(page, 'scrollY > 50')
    assert page.evaluate('mocean.chart.zoom') == 1


# --- MEMORY

def test_a_hundred_minutes_of_thirty_boats_stay_in_bounds(wall):
    """A position a second; they row east, so that it is known where each was at any time."""
    page = wall(12, again=False)
    kept, x = page.evaluate('''() => {
        const begin = server_now() - 7200, boats = Array.from({length: 30}, (_, i) => meet(`bot${i}`));
        for (let second = 0; second <= 6000; second++) {
            for (const boat of boats) fix_boat(boat, begin + second, {x: second * 5 % 600, y: 100, z: 0, heading: 0});
        }
        const [boat] = boats, long_ago = begin + 1234.5;
        return [Math.max(...boats.map(boat => boat.fixes.length)), where(boat, long_ago).x];
    }''')
    assert kept < 300 + 6000 / 10 + 150
    assert x == pytest.approx(1234.5 * 5 % 600, abs=1)
    past = page.evaluate('''() => {
        const boat = meet('bot0');
        for (let part = 0; part < 100; part++) {
            asked.add(part);
            for (let i = 0; i < 300; i++) boat.past.push({time: part * TRACK_S + i, x: 0, y: 0, z: 0, heading: 0});
            forget_tracks(part * TRACK_S);
        }
        return [boat.past.length, asked.size];
    }''')
    assert past[0] <= 13 * 300 and past[1] <= 13


def test_news_and_boats_that_have_quit_stay_in_bounds(wall):
    """A chatty boat pushes its own news out, not those of others; whoever quit last is remembered for a replay."""
    page = wall(12, again=False)
    news, boats, lines = page.evaluate('''() => {
        const nothing = {sectors: [], depths: [], whales: [], since: ocean.since, next: ocean.since};
        const begin = Math.ceil(server_now());
        unchart();
        for (let number = 1; number <= 2200; number++) {
            const now = begin + number, name = `guest${number}`, chatty = number % 2;
            const boat = {name, x: 1, y: 1, z: 0, heading: 0, last: now, score: 1, pennant: 1};
            const news = [[number, now, 'hello', '', chatty ? 'chatty' : name, 1, 1]];
            remember({...nothing, boats: [boat], names: [name], news, now, sea_time: now});
            tell_board();
        }
        return [[...ocean.news.keys()], [...ocean.boats.keys()], [...rows.keys()]];
    }''')
    chatty = [number for number in news if number % 2]
    assert len(news) == 1000 and chatty == list(range(2101, 2200, 2)) and min(news) == 302
    assert set(boats) == set(lines) == {f'guest{number}' for number in range(2100, 2201)}


def test_the_wall_paints_in_small_pieces(wall):
    """However much has changed: when the time is up, the rest waits."""
    page = wall(12)
    left = page.evaluate('() => { dress(); const all = dirty.size; paint(-1); const none = dirty.size; paint(15);'
                         ' return [all, none, dirty.size]; }')
    assert left[0] == left[1] == 2400 and left[2] < 2400
