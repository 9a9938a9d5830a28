"""The words on the wall, measured in a real Chromium: who leads, what just happened, what is at stake, how to join."""
import json
import random
import re
import time

import pytest
from browser import open_map
from classroom import order_of
from conftest import ROOT, a_server_for_each, begin_ocean, crew_id, join, poll
from desk import axe

import captain
import mocean

pytestmark = pytest.mark.browser
KEY = 'a-key-of-more-than-twelve-letters'
WALL, LAPTOP, LYING, STANDING = (1920, 1080), (1366, 768), (844, 390), (390, 844)
ON_A_WALL = [(*WALL, 1), (*LAPTOP, 1), (1024, 768, 1)]
SCROLLED = [(*LYING, 2), (*STANDING, 2), (960, 540, 2), (683, 384, 2)]      # phones; the wall and the laptop at 200 %
NAMES = ['ada', 'Wilhelmina12345678', 'MMMMMMMMMMMMMMMMMMMM', 'zoë', *(f'boat{number}' for number in range(196))]
NEWS = ['ada joined', 'MMMMMMMMMMMMMMMMMMMM found the chrono-synclastic infundibulum',
        'MMMMMMMMMMMMMMMMMMMM sailed course 3 in 154.20 s, the best so far', 'the captain: ' + 'eyes on me, all ' * 12]


def an_ocean(folder, boats):
    """So many boats, the longest names among the best; the longest news last."""
    now, dice, rows = time.time(), random.Random(1), {}
    for number, name in enumerate(NAMES[:boats]):
        x, y = dice.randrange(mocean.WIDTH_CELLS), dice.randrange(mocean.HEIGHT_CELLS)
        rows[name.casefold()] = mocean.Boat(name, crew_id(number), x, y, pennant=number, score=2000 - 9 * number,
                                            quest=number % 13)
    news = {str(number): mocean.News(now - 600 + number, text) for number, text in enumerate(NEWS, 1)} if boats else {}
    return begin_ocean(folder, boats=rows, news=news)


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    with a_server_for_each(an_ocean, tmp_path_factory, env={'MOCEAN_CAPTAIN': KEY}) as start:
        yield start


@pytest.fixture
def wall(browser):
    """wall(server): the map in a fresh window, in which nothing goes wrong."""
    pages, complaints = [], []

    def open(server, query='', size=WALL, ratio=1, script='', **options):
        options['viewport'] = {'width': size[0], 'height': size[1]}
        page = open_map(browser, 'about:blank', complaints, device_scale_factor=ratio, bypass_csp=True, **options)
        pages.append(page)
        page.add_init_script(script)
        page.goto(f'{server.url}/map{query}')
        until(page, 'typeof mocean === "object" && mocean.ocean.loaded && Boolean(document.body.dataset.crew)')
        return page
    yield open
    for page in pages:
        page.context.close()
    assert complaints == []


def until(page, question, *what):
    return poll(lambda: page.evaluate(question, *what), 20)


def size_of(page, selector):
    return page.evaluate('selector => parseFloat(getComputedStyle($(selector)).fontSize)', selector)


def faultless(page):
    page.evaluate('window.axe || 0') or page.evaluate(axe())
    told = page.evaluate('axe.run()')
    assert [(fault['id'], [node['target'] for node in fault['nodes']]) for fault in told['violations']] == []


# --- WHO LEADS

MEASURE = '''() => {
    const shown = selector => [...document.querySelectorAll(selector)].filter(one => one.checkVisibility());
    const box = one => one.getBoundingClientRect(), board = box($('#board')), page = box(document.documentElement);
    const screen = {right: innerWidth, bottom: wall.matches ? innerHeight : Infinity};
    return {
        names: shown('#board th button span').map(name => ({
            text: name.textContent, ems: box(name).width / parseFloat(getComputedStyle(name).fontSize)})),
        rows: shown('#board tr').map(row => ({
            end: box(row.querySelector('.score')).right <= board.right && box(row).bottom <= board.bottom,
            whole: row.scrollWidth <= row.clientWidth})),
        news: shown('#news li').map(item => ({
            cut: item.scrollHeight > item.clientHeight || item.scrollWidth > item.clientWidth,
            inside: box(item).bottom <= Math.min(box($('#news')).bottom, screen.bottom)
                    && box(item).right <= screen.right})),
        wide: document.documentElement.scrollWidth <= innerWidth,
        long: document.documentElement.scrollHeight > innerHeight,
        sea: $('#sea').clientHeight / innerHeight,
        address: [...document.querySelectorAll('#join code span')].every(piece => piece.getClientRects().length === 1),
    };
}'''


@pytest.mark.parametrize('boats', [1, 12, 30, 200])
def test_names_have_room_and_news_are_whole_at_every_size(sea, wall, boats):
    for sizes in ON_A_WALL, SCROLLED:
        page = wall(sea(boats), ratio=sizes[0][2])
        for wide, high, _ in sizes:
            page.set_viewport_size({'width': wide, 'height': high})
            page.evaluate('tell()')
            page.evaluate('tell()')                     # once more: the first one set the sizes
            seen = page.evaluate(MEASURE)
            assert min(name['ems'] for name in seen['names']) > 5.99, (wide, high, seen['names'])
            assert all(row['end'] and row['whole'] for row in seen['rows']), (wide, high, seen['rows'])
            assert 2 <= len(seen['news']) <= 4, (wide, high)
            assert not any(item['cut'] for item in seen['news']), (wide, high, seen['news'])
            assert all(item['inside'] for item in seen['news']), (wide, high, seen['news'])
            assert seen['wide'] and seen['address'], (wide, high)
            assert seen['long'] == (sizes is SCROLLED), (wide, high)
            assert sizes is ON_A_WALL or seen['sea'] <= 0.701, (wide, high)
        page.context.close()


def test_the_best_stand_large_and_the_others_take_turns(sea, wall):
    page = wall(sea(30))
    assert [size_of(page, f'#best {row}') for row in ('tr', 'tr:nth-child(2)')] == [32.5, 26]
    assert size_of(page, '#rest') == 20 and page.locator('#best tr').count() == 10
    assert page.evaluate('ranks()') == NAMES[:3]
    seen = set()
    turns = page.locator('#page')
    for _ in range(3):
        seen |= set(page.locator('#board th button span').all_inner_texts()) - {''}
        assert set(NAMES[:10]) <= seen
        before = turns.inner_text()
        assert re.fullmatch(r'\d+ to \d+ of 30 ›', before)
        page.evaluate('page.since -= 8000')             # eight seconds go by
        poll(lambda before=before: turns.inner_text() != before)
    assert seen >= set(NAMES[:30])
    turns.hover()
    page.evaluate('page.since -= 8000; turn_pages()')
    assert page.evaluate('page.since < performance.now() - 7000')           # not under somebody's hand
    before = turns.inner_text()
    turns.click()
    poll(lambda: turns.inner_text() != before)


def test_whoever_rises_is_marked_and_a_new_leader_is_told(sea, wall):
    page = wall(sea(12))
    page.evaluate('ocean.boats.get("zoë").score = 5000; tell()')
    assert page.locator('#best .leader').inner_text().split('\n')[:2] == ['1', '▲']
    assert page.locator('.change', has_text='▼').count() == 3
    moment = page.locator('#moment')
    assert moment.inner_text() == 'zoë takes the lead' and moment.get_attribute('aria-live') == 'polite'
    assert page.evaluate('ranks()') == ['zoë', *NAMES[:2]]
    page.evaluate('for (const boat of ocean.boats.values()) if (boat.change) boat.change.until = 0; tell()')
    assert page.locator('.change', has_text=re.compile('[▲▼]')).count() == 0
    page.evaluate('ocean.boats.get("ada").score = 5000; tell()')            # who was there first stays first
    assert page.evaluate('ranks()[0]') == 'zoë'
    page.get_by_role('button', name='zoë').click()
    assert page.evaluate('followed') == 'zoë'


# --- WHAT HAPPENED

TWO_HOURS_OFF = 'const now = Date.now; Date.now = () => now() + 7_200_000;'


def test_what_happens_is_told_large_and_goes_again(sea, wall):
    """On a wall whose clock is two hours off, where no motion is wanted; and on one that is opened later."""
    server = sea(0)
    id = join(server, 'jules')
    page = wall(server, script=TWO_HOURS_OFF, reduced_motion='reduce')
    moment, name = page.locator('#moment'), None
    assert not moment.is_visible()
    while (reply := server(f'/get?id={id}&item=treasure')).status != 200:
        assert server(f'/dive?id={id}&direction=down').status == 200, reply
    moment.get_by_text('jules found the').wait_for()
    page.evaluate('moment.until += 600; pulses[0].until += 600_000')        # however slow this machine is
    name = server('/chart').json()['treasures'][0]['name']
    assert moment.inner_text() == f'jules found the {name}'
    style = page.evaluate('(({fontSize, animationName}) => [fontSize, animationName])(getComputedStyle($("#moment")))')
    assert style == ['56px', 'none']
    sea_box, box = page.locator('#sea').bounding_box(), moment.bounding_box()
    x, y = page.evaluate('(({x, y}) => [x, y])(view.place(...["x", "y"].map(axis => ocean.treasures[0][axis])))')
    across, down = sea_box['x'] + x - box['x'], sea_box['y'] + y - box['y']
    assert not (0 < across < box['width'] and 0 < down < box['height'])     # it covers nothing that it tells of
    assert page.evaluate('pulses.length') == 1
    faultless(page)
    page.evaluate('moment.until -= 600')
    moment.wait_for(state='hidden')
    later = wall(server)                                # the treasure is news, and no moment any more
    later.get_by_role('log').get_by_text(f'jules found the {name}').wait_for()
    assert not later.locator('#moment').is_visible() and later.evaluate('moments.length') == 0


def test_three_moments_wait_and_a_replay_tells_what_was(sea, wall):
    page = wall(sea(12))
    told = page.evaluate("""() => {
        window.said = [];
        new MutationObserver(() => said.push($('#moment').textContent)).observe($('#moment'), {childList: true});
        for (const text of 'abcdef') queue_moment({text, seconds: 0.2});
        return [$('#moment').textContent, ...moments.map(one => one.text)];
    }""")
    assert told == ['a', 'd', 'e', 'f']                 # one is shown, three wait
    until(page, "said.join() === 'a,d,e,f'")
    page.locator('#moment').wait_for(state='hidden')
    told = page.evaluate("""() => {
        for (const kind of ['ride', 'find', 'quest', 'find', 'captain']) queue_moment({text: kind, kind, seconds: 0.2});
        return [$('#moment').textContent, ...moments];
    }""")
    assert told == ['captain']
    page.locator('#moment').wait_for(state='hidden')
    page.evaluate("""() => {
        ocean.news.set(99, {time: ocean.began + 0.5, text: 'ada rides a whale', kind: 'ride', name: 'ada', x: 1, y: 2});
        $('#speed').value = '1';
        go_to(ocean.began, true);
    }""")
    page.locator('#moment').get_by_text('ada rides a whale').wait_for()


# --- WHAT IS AT STAKE

def test_a_round_has_a_countdown_and_ends_on_a_podium(sea, wall):
    server = sea(12)
    order = order_of(server, KEY)
    page = wall(server)
    told, left = page.locator('#round'), page.locator('#countdown')
    poll(lambda: '0 of 12 places of treasure found' in page.locator('#summary').inner_text())
    order('freeze')
    told.get_by_text('The sea is frozen: eyes on the teacher').wait_for()
    faultless(page)
    order('thaw')
    told.wait_for(state='hidden')
    order('round', minutes=1, name='Final')
    told.get_by_text('Final · 1:00 · ready?').wait_for()
    until(page, 'ocean.boats.size === 12 && [...ocean.boats.values()].every(boat => !boat.score)')     # a new game
    order('start')
    left.get_by_text(re.compile('^0:[45]')).wait_for()
    assert size_of(page, '#countdown b') >= 56
    assert not told.is_visible() and 'last' in left.get_attribute('class')  # the last minute
    boats = json.loads((server.folder / 'mocean.json').read_text(encoding='utf-8'))['boats']
    for name in ['ada', *NAMES[2:6]]:
        assert server(f'/ping?id={boats[name.casefold()]["id"]}').status == 200         # a point
    for name, call in [(NAMES[0], 'move?heading=east&'), (NAMES[1], 'look?')]:          # a quest
        assert server(f'/{call}id={boats[name.casefold()]["id"]}').status == 200
    order('finish')
    steps = page.locator('#podium li')
    told.get_by_text('Final is over').wait_for()
    podium = server('/chart').json()['round']['podium']
    assert len(podium) > 3
    poll(lambda: steps.count() == 3)
    for step, place in zip(steps.all(), podium, strict=False):
        assert step.inner_text().split('\n')[0] == place['name']
        assert f'+{captain.PLACES[place["rank"] - 1]} for the season' in step.inner_text()
    still = 'document.getAnimations().every(one => one.playState === "finished" || one.effect.target.matches("i"))'
    until(page, still)
    first, second, third = (step.locator('p').bounding_box() for step in steps.all())
    assert second['x'] < first['x'] < third['x'] and first['y'] < second['y'] < third['y']
    assert page.locator('#places li').count() == len(podium) - 3 and page.evaluate('SEASON') == list(captain.PLACES)
    faultless(page)
    for wide, high, _ in [*ON_A_WALL, *SCROLLED]:
        page.set_viewport_size({'width': wide, 'height': high})
        fits = '''() => [...document.querySelectorAll('#podium *, #places li')].every(one => {
            const box = one.getBoundingClientRect(), around = one.matches('small') ? one.parentElement : $('#round');
            const sea = around.getBoundingClientRect();
            return box.left >= sea.left && box.right <= sea.right && box.top >= sea.top && box.bottom <= sea.bottom;
        })'''
        until(page, fits)
    order('round', minutes=5)
    told.get_by_text('ready?').wait_for()
    assert steps.count() == 0


def test_an_open_wall_forgets_a_name_that_the_captain_has_changed_or_forgotten(sea, wall):
    """Else a rude name would be back in the film at the end of the lesson."""
    server = sea(12, 'renamed')
    order, page = order_of(server, KEY), wall(server)
    assert page.evaluate('["boat0", "boat1"].every(name => ocean.boats.has(name))')
    order('rename', name='boat0', new='Bob')
    order('forget', name='boat1')
    until(page, 'ocean.boats.get("Bob")?.here && !["boat0", "boat1"].some(name => ocean.boats.has(name))')
    page.evaluate('go_to(newest(), false)')
    assert 'boat0' not in page.locator('body').inner_text()
    faultless(page)


# --- HOW TO JOIN

def test_the_way_in_is_large_while_nobody_is_there_and_a_strip_for_a_class(sea, wall):
    server = sea(0, 1)
    page, address = wall(server), server('/chart').json()['address']
    assert not re.search('127[.]|localhost', address)
    code = page.locator('#join code')
    assert code.inner_text() == f'{address}/join?name=you' and size_of(page, '#join code') == 64
    assert page.locator('#join canvas').bounding_box()['width'] >= 250
    drawn = '''link => {
        const code = qrcode(0, 'M'), canvas = $('#join canvas'), ink = canvas.getContext('2d');
        code.addData(link);
        code.make();
        const count = code.getModuleCount(), dark = (x, y) => ink.getImageData(x, y, 1, 1).data[0] < 128;
        const all = [...Array(count * count).keys()].map(i => [i % count, Math.floor(i / count)]);
        return all.every(([x, y]) => dark(x + 4, y + 4) === code.isDark(y, x))
            && !dark(3, 3) && canvas.width === count + 8;
    }'''
    assert page.evaluate(drawn, f'{address}/join')
    faultless(page)
    long = 'http://mocean-on-tuesdays.the-long-name-of-a-school.example.org:8080/tuesday'
    whole, size = page.evaluate('''long => {
        ocean.address = long;
        tell();
        const pieces = [...document.querySelectorAll('#join code span')];
        const size = parseFloat(getComputedStyle(pieces[0]).fontSize);
        return [pieces.every(piece => piece.clientHeight < 2 * size), size];
    }''', long)
    assert whole and 30 < size < 64                     # smaller, and no word is broken
    for number in range(1, 5):
        join(server, f'boat{number}')
        until(page, 'count => ocean.boats.size === count', number)
        if number == 3:
            assert page.locator('#join canvas').is_visible() and size_of(page, '#join code') >= 26
    page.locator('#join canvas').wait_for(state='hidden')
    page.evaluate('address => { ocean.address = address; tell(); }', address)
    assert page.locator('#join').bounding_box()['height'] < 60 and size_of(page, '#join code') >= 20


# --- FOR EVERYBODY

@pytest.mark.parametrize('theme, size', [('dark', WALL), ('light', STANDING)])
def test_the_page_keeps_nobody_out(sea, wall, theme, size):
    page = wall(sea(30), f'#theme={theme}', size=size)
    assert page.get_by_role('main').count() == 1
    faultless(page)
    page.evaluate('go_to(ocean.began, false)')
    poll(lambda: page.locator('#board caption').inner_text() == 'Sectors charted by then')
    faultless(page)


def test_without_javascript_there_is_a_sentence(browser, sea):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f'{sea(30).url}/map')
    assert page.locator('noscript').inner_text().startswith('This map is drawn by JavaScript, and here there is none.')
    with page.expect_navigation():
        page.get_by_role('link', name='the score').click()
    assert '1,ada,2000' in page.locator('body').inner_text()
    page.context.close()


def test_on_paper_are_the_whole_board_and_the_news(sea, wall):
    page = wall(sea(30))
    page.emulate_media(media='print')
    page.set_viewport_size({'width': 700, 'height': 1000})
    assert not any(page.locator(part).is_visible() for part in ('#sea', '#join', '#play', '#page', '#theme-button'))
    assert set(page.locator('#board th button span').all_inner_texts()) == set(NAMES[:30])
    news = page.locator('#news li').all()
    assert len(news) == len(NEWS) and all(item.is_visible() for item in news)
    style = '(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle($("#board")))'
    assert page.evaluate(style) == ['rgb(0, 0, 0)', 'rgb(255, 255, 255)']


def test_no_name_of_the_scripts_is_taken_twice():
    """They share one room: of two functions of one name the first would be lost without a word."""
    names = [name for file in (ROOT / 'clients' / 'map').glob('*.js')
             for name in re.findall(r'^(?:async )?(?:function\*?|const|let) (\w+)', file.read_text('utf-8'), re.M)]
    assert len(names) > 200 and len(names) == len(set(names))
