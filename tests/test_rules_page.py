"""docs/rules.md: each sentence with a number in it, written from the game's own constants."""
import math
import re

import pytest
from conftest import ROOT

import mocean as game


def words(number):
    """A number as people write it: 0.8, not 0.80; 3, not 3.0."""
    return f'{number:.3f}'.rstrip('0').rstrip('.')


DIAGONAL = game.DIAGONAL
HULL, UNDER = game.HULL_CELLS_PER_S, game.SUBMERGED_CELLS_PER_S
MOST = int(HULL * game.SAVED_S)
REFERENCE_S = game.EXPECT_PRICE * 1350 / HULL
LOOKING_S = 1350 / HULL                 # without expect
SPELLED = {3: 'three', 5: 'five', 8: 'eight', 10: 'ten', 12: 'twelve', 16: 'sixteenth',
           17: 'seventeen', 20: 'twenty', 50: 'fifty', 60: 'a minute'}


def points(seconds):
    return game.course_points(REFERENCE_S, seconds)


SENTENCES = f"""
x grows to the east, 0 to {game.WIDTH_CELLS - 1}; y grows to the north, 0 to {game.HEIGHT_CELLS - 1};
z is your depth in metres: 0 at the surface
east from x = {game.WIDTH_CELLS - 1} comes to x = 0
a plain, {game.FLOOR_M} m deep, with {SPELLED[len(game.SEAMOUNT_NAMES)]} seamounts
between 20 m and {game.SUMMIT_M} m below the surface
A winding trench, {game.TRENCH_M} m deep
{SPELLED[len(game.WHALE_NAMES)].capitalize()} whales
squares of {game.SECTOR_CELLS} by {game.SECTOR_CELLS} cells: {game.COLUMNS} columns, {game.ROWS} rows
one of {SPELLED[len(game.HEADINGS)]} headings.
A diagonal cell is longer, and takes {DIAGONAL:.2f} times as long
`steps={MOST}` goes {SPELLED[MOST]} cells in one call; that, or {int(MOST / DIAGONAL)} diagonal ones, is the most
makes the boat {game.ACCEL_CELLS_PER_S} cells a second faster
by a {SPELLED[game.CIRCLE]} of a circle
the heading in radians: 0 is east
A boat that nobody speaks to for {SPELLED[game.SAIL_S]} drops its sails
| at the surface | {HULL} |
| under water | {UNDER} |
| on the back of a whale, with oars | {game.WHALE_CELLS_PER_S} |
| under sail | up to {HULL}, under water up to {UNDER} |
| for {SPELLED[game.SANDWICH_S]} after the sandwich | twice as many |
pays {game.EXPECT_PRICE} of the time, and so goes {words(HULL / game.EXPECT_PRICE)} cells a second
**Diving**: {SPELLED[game.DIVE_M]} metres a time
dives below {game.FLOOR_M} m, unless it has a submarine: that goes down to {game.TRENCH_M} m
saves up {words(game.SAVED_S)} second of it
{words(1 / HULL)} s a cell at the surface, {words(DIAGONAL / HULL)} s diagonally
under water {words(1 / UNDER)} s and {words(DIAGONAL / UNDER)} s; with the right `expect` {game.EXPECT_PRICE} of it
| `ping` | {game.PING_S} s, wherever you are |
the {game.MOST_SEEN} nearest boats up to {game.SIGHT_CELLS} cells away
half a cell less for each metre, but always {game.LEAST_SIGHT_CELLS} cells
tells, as 0 or 1:
at most {game.REACH_CELLS} cells away, and at most {game.REACH_M} m deeper or higher
a plankton bloom, {game.BLOOM_CELLS} cells wide to each side, for {game.BLOOM_S // 60} minutes, once
a catch of {game.NET_POINTS} points, once {SPELLED[game.NET_S]}.
A sector is fished out for {game.FISHED_S // 60} minutes
one boat's net brings {game.MOST_NET_POINTS} points in a game
the treasures up to {game.ROV_CELLS} cells away
the depths of {2 * game.SONAR_CELLS + 1} by {2 * game.SONAR_CELLS + 1} cells
leaps anywhere, once every {game.CRYSTAL_S} seconds
leaps to a random place, once {SPELLED[game.LEAP_S]}
`look` reaches {game.BINOCULARS_CELLS} cells at the surface
you row twice as fast for {SPELLED[game.SANDWICH_S]}
reaches {game.HOOK_CELLS} cells instead of {game.REACH_CELLS}
up to {game.LETTER_LENGTH} characters, {game.LETTERS_PER_MINUTE} messages a minute (a new boat begins with 3)
that player's box, which holds {game.LETTERS_KEPT};
the newest {game.BOARD_KEPT} hang there
| {game.SECTOR_POINTS} | a sector that nobody had entered before
| {game.SOUNDING_POINTS} | the first sounding in a sector
| {game.TREASURE_POINTS} | a treasure
| {game.WHALE_POINTS} | your first ride on a whale
| {game.VOYAGE_POINTS} | sailing all the way round, east-west
| {game.VOYAGE_POINTS} | sailing all the way round, north-south
| {game.QUEST_POINTS} | a quest
| {game.NET_POINTS} | a catch of fish
| up to {game.MOST_COURSE_POINTS} | a course of the regatta, your best {game.LAURELS_KEPT} of a game
the {2 * game.HOME_SECTORS + 1} by {2 * game.HOME_SECTORS + 1} sectors round each of the {game.HOMES} seamounts
{game.WIDTH_CELLS} cells east more than west (or the other way), or {game.HEIGHT_CELLS} north more than south
{SPELLED[len(game.QUESTS)].capitalize()} things that a program can newly do
differs by a third from the others' mean. *Nearly as well*: 0.85 of the speed
Every {game.COURSE_S // 60} minutes there is a new course, the same for everybody
{game.MARKS} marks, at least {game.MARK_GAP_CELLS} cells apart, the first of them, mark 0,
1. Row to mark 0; within {game.MARK_CELLS} cells is near enough.
2. Pass within {game.MARK_CELLS} cells of every other mark
3. Come back to mark 0.
At mark 0 `/race` starts anew
A race may take {game.FINISH_S} seconds
Tables of the last {game.COURSES_KEPT} courses
the points are {game.COURSE_POINTS} times the square of (reference / your seconds)
rounded, at most {game.MOST_COURSE_POINTS}
server's way is 1350 cells long, the reference is {game.EXPECT_PRICE} × 1350 / {HULL} = {REFERENCE_S:.0f} seconds
| {REFERENCE_S:.0f} | {points(REFERENCE_S)} | as the server |
| 116 | {points(116)} | the nearest mark each time, with `expect` |
| {LOOKING_S:.0f} | {points(LOOKING_S)} | the server's way, without `expect` |
| 145 | {points(145)} | the nearest mark each time |
| 257 | {points(257)} | the order given |
who has {points(145)} points for this course and sails it in 116 seconds gets {points(116) - points(145)} more
Of a game your best {game.LAURELS_KEPT} courses count
A name is 1 to 20 letters or digits
for {game.ASHORE_S // 60} minutes name, points and treasures are kept
up to {game.JOINS_AT_ONCE} boats, then {game.JOINS_PER_S} a second. In a crowd of more than {game.CROWD_BOATS}
leaves after {game.IDLE_S // 60} minutes; its id brings it back
the same `n` (of your last {game.REPLIES_KEPT}) within {game.REPLY_S} seconds
is refused with {game.CONFLICT}
north-south {game.HEIGHT_CELLS // HULL} seconds, east-west {game.WIDTH_CELLS // HULL};
everybody begins at 0
a new course every {game.COURSE_S // 60} minutes, and what lasts
A club session of 45 minutes
"""


def rules_page():
    """The text of docs/rules.md, its lines run together."""
    return ' '.join((ROOT / 'docs' / 'rules.md').read_text(encoding='utf-8').split())


@pytest.mark.parametrize('sentence', SENTENCES.strip().split('\n'))
def test_the_rules_say_what_the_game_does(sentence):
    assert sentence in rules_page()


def test_there_is_no_number_in_the_rules_that_no_test_knows():
    text = rules_page()
    for sentence in sorted([*SENTENCES.strip().split('\n'), *quest_lines()], key=len, reverse=True):
        text = text.replace(sentence, '')
    text = re.sub(r'\| \d+ \| [^|]*\|', '', text.partition('A club session')[0])     # minutes of the session
    assert re.findall(r'.{0,40}(?<![\w/])\d[\d.]*.{0,20}', text) == []


def test_axes_and_units_are_told_in_the_same_words_everywhere():
    page, readme = [(ROOT / name).read_text(encoding='utf-8') for name in ('docs/rules.md', 'README.md')]
    for line in game.WORLD.split('\n')[1:3]:
        assert line in page and line in readme                  # as on the usage page


def test_the_page_spoils_nothing():
    assert [name for name in (*game.SEAMOUNT_NAMES, *game.WHALE_NAMES) if name in rules_page()] == []


@pytest.mark.parametrize('seed', range(5))
def test_the_first_treasure_is_less_than_a_minute_away(seed):
    """Look, row, dive and get, typed one call every five seconds."""
    assert 'one call every five seconds has it in less than a minute' in rules_page()
    floor = game.Seafloor(seed)
    for number in range(game.HOMES * game.BERTHS):
        x, y = game.berth(floor, number)
        name, there_x, there_y, z = floor.treasures[number % game.HOMES]
        assert game.TREASURES[name].evergreen and game.distance(x, y, there_x, there_y) <= game.SIGHT_CELLS
        less, more = sorted([abs(game.gap(x, there_x, game.WIDTH_CELLS)), abs(game.gap(y, there_y, game.HEIGHT_CELLS))])
        moves = math.ceil(less / int(MOST / DIAGONAL)) + math.ceil((more - less) / MOST)
        dives = max(0, math.ceil((z - game.REACH_M) / game.DIVE_M))
        assert 5 * (1 + moves + dives + 1) < 60


def quest_lines():
    return [f'| {number} | {quest.name} | {quest.task} |' for number, quest in enumerate(game.QUESTS, 1)]


def test_the_rules_name_every_quest_in_its_order():
    assert ' '.join(quest_lines()) in rules_page()


def test_the_rules_name_every_treasure():
    table = rules_page().partition('## Treasures')[2].partition('## Whales')[0]
    assert re.findall(r'(?<=\| )([A-Za-z ]+) \| [^|]+ \|', table)[1:] == list(game.TREASURES)
    evergreen = [name for name, treasure in game.TREASURES.items() if treasure.evergreen]
    assert f'The {" and the ".join(evergreen)} stay for others to take as well' in table
    assert ('two places' in table) == (game.LIE_ON_SEAMOUNTS.count('iron dust') == 2)


def test_the_rules_name_what_every_call_costs():
    """Each route stands in one line of the table."""
    table = rules_page().partition('| call | takes |')[2].partition('A call that is early')[0]
    lines = [line for line in table.split(' | ') if '`' in line and ' s ' not in line]
    named = {name: number for number, line in enumerate(lines) for name in re.findall('`([a-z]+)`', line)}
    free = named['popchat']
    for route in game.ROUTES:
        if not route.rule:
            continue
        costs = route.costs and route.mine
        assert (named.get(route.name, free) != free) == (costs or route.name == 'race'), route.name
