"""Fair play, with the clock in the hand: what nobody gets for nothing, and what nobody loses to others."""
import itertools
import json
import math
import random
import re

import pytest
from conftest import join
from game import NOON, WIDTH, fetch, off, row

import mocean

QUIT = '/quit?sure=yes'


# --- a rule of one's own ---------------------------------------------------------------------------------------------

@pytest.fixture
def rule(game):
    """rule(function): a route /own that a student has added; it changes something."""
    def add(function):
        mocean.add_route(game.say.app, mocean.Route('own', function, 'a rule of one\'s own', 'said', (mocean.ID,),
                                                    changes=True))
    return add


@pytest.mark.parametrize('fields, sentence', [
    ({'score': 'many'}, "a rule wrote score = 'many' into boats ada, which is no Count; nothing has changed"),
    ({'score': math.nan}, 'a rule wrote score = nan into boats ada, which is no Count; nothing has changed'),
    ({'score': True}, 'a rule wrote score = True into boats ada, which is no Count; nothing has changed'),
    ({'x': WIDTH}, 'a rule wrote x = 600 into boats ada, which is no East; nothing has changed'),
    ({'talk': math.inf}, 'a rule wrote talk = inf into boats ada, which is no Moment; nothing has changed'),
    ({'items': ['ROV']}, "a rule wrote items = ['ROV'] into boats ada, which is no Words; nothing has changed"),
    ({'scoer': 7}, 'a rule wrote scoer = 7 into boats ada, which has no such field; nothing has changed')])
def test_a_rule_that_writes_a_wrong_type_is_told_in_one_sentence_and_nothing_changes(
        game, ada, bob, rule, capsys, fields, sentence):
    def rule_own(turn):
        turn.steer(z=7)
        turn.steer(**fields)
        return {'said': 'done'}
    rule(rule_own)
    before, number = game.document(), game.ocean.number
    reply = ada('/own')
    assert (reply.status, reply.lines[0]) == (500, mocean.MISTAKE)
    assert (game.document(), game.ocean.number) == (before, number)
    assert sum(sentence in line for line in capsys.readouterr().err.split('\n')) == 1
    assert game.say('/who').lines == ['ada,0', 'bob,0']
    assert ada('/move?heading=north').status == bob('/look').status == 200
    game.crash()
    assert ada('/location').status == 200


# --- n= --------------------------------------------------------------------------------------------------------------

def test_the_same_n_again_is_answered_again_and_not_done_twice(game, ada):
    first = ada.json('/move?heading=north&n=1')
    here, paid = ada.place(), ada.boat.paid
    assert ada.json('/move?heading=north&n=1') == {**first, 'repeated': True}
    assert ada('/move?heading=north&n=1') == '{:g},{:g},{:g}'.format(*here)
    assert (ada.place(), ada.boat.paid) == (here, paid)


def test_a_repeated_reply_says_so_in_the_log(ada):
    for _ in range(2):
        ada('/move?heading=north&n=1')
    x, y, z = map(int, ada.place())
    answers = [line.split(',', 3)[3] for line in ada('/log').lines if '/move' in line]
    assert answers == [f'{x},{y},{z}', f'answered again: {x},{y},{z}']


def test_a_repeated_reply_tells_the_same_besides(game, ada):
    """The sonar's patch, and whether one was right."""
    ada.put(items=['imaging sonar'])
    for path in ('/ping?n=1', '/move?heading=east&expect=0,0&n=1'):
        first = ada.json(path)
        assert {'patch', 'expected'} & set(first)
        assert ada.json(path) == {**first, 'repeated': True}


def test_the_same_n_for_another_call_is_refused_and_names_the_earlier_one(game, ada):
    ada('/move?heading=north&steps=2&n=1')
    ada('/move?heading=north&n=2')
    here = ada.place()
    other = ada('/move?heading=east&expect=5,6&n=1')
    assert (other.status, other.lines[0]) == (
        409, 'n=1 has just been the name of another call: /move?heading=north&steps=2; each new call needs a new n')
    assert other.lines[1].endswith('heading=east&expect=5,6&n=3&' + f'id={ada.id}')     # n=1 and n=2 are used
    assert ada.place() == here
    assert game.say(other.lines[1].partition('http://localhost:80')[2]).status == 200


def test_two_letters_with_the_same_n_are_two_letters_or_a_refusal(ada, bob):
    assert ada('/sendchat?name=bob&message=hello&n=1').status == 200
    assert ada('/sendchat?name=bob&message=goodbye&n=1').status == 409
    assert (bob('/popchat'), bob('/popchat')) == ('ada,hello', '')


def test_an_empty_box_asked_twice_with_the_same_n_gives_no_letter_away(ada, bob):
    assert bob.json('/popchat?n=1') == {}
    ada('/sendchat?name=bob&message=hello')
    assert bob('/popchat?n=1') == '' and bob.json('/popchat?n=1') == {'repeated': True}
    assert bob('/popchat?n=2') == bob('/popchat?n=2') == 'ada,hello'


def test_a_stored_reply_lives_for_a_minute(game, ada):
    x, y, _ = ada.place()
    ada('/move?heading=north&n=1')
    game.wait(59)
    assert ada('/move?heading=north&n=1') == f'{x:g},{y + 1:g},0'
    game.wait(1)
    assert ada('/move?heading=north&n=1') == f'{x:g},{y + 2:g},0'
    assert ada('/move?heading=south&n=1').status == 409


def test_a_restart_remembers_what_was_answered(game, ada, again):
    first = ada('/move?heading=north&n=1')
    again()
    assert ada('/move?heading=north&n=1') == first
    assert ada('/move?heading=south&n=1').status == 409


# --- quit asks back, and can be undone -------------------------------------------------------------------------------

def test_quit_asks_back(game, ada):
    ada.put(score=75)
    asks = ada('/quit')
    assert (asks.status, asks.lines[0]) == (
        409, 'quit takes ada and its 75 points out of the game; if you mean it, add sure=yes')
    assert asks.lines[1] == f'try: http://localhost:80/quit?id={ada.id}&sure=yes'
    assert game.say('/who') == 'ada,75'
    assert ada(QUIT) == 'farewell, ada! You scored 75. For 10 minutes join with your id brings you back.'
    assert game.say('/who') == ''
    assert game.news()[-1] == 'ada sailed home'


def test_no_page_has_a_live_link_that_changes_something(game, ada):
    """Least of all one to /quit with a real id."""
    page = game.say(f'/mocean?id={ada.id}', headers={'Accept': 'text/html'})
    links = re.findall(r'href="([^"]*)"', page)
    asked = {link.partition('?')[0].rpartition('/')[2] for link in links}
    assert len(links) > 5 and ada.id in page
    assert [route.name for route in mocean.ROUTES if route.changes and route.name in asked] == []


def test_quit_can_be_undone_for_ten_minutes(game, ada, again):
    """Everything waits: name, treasures, points, place, letters."""
    for treasure in ('ROV', 'boat hook'):
        fetch(ada, treasure)
    before, score = ada.place(), ada.score()
    ada(QUIT)
    again()
    game.wait(599)
    mocean.tend(game.sea)
    gone = ada('/look')
    assert (gone.status, gone.lines) == (409, ['ada has sailed home; join with the id brings it back',
                                               f'try: http://localhost:80/join?id={ada.id}&name=ada'])
    back = game.say(f'/join?name=ada&id={ada.id}')
    assert back == '{},ada,{:g},{:g},{:g}'.format(ada.id, *before)
    assert (ada.items(), ada.score()) == (['ROV', 'boat hook'], score)
    assert game.news()[-1] == 'ada is back'
    again()
    assert (ada.items(), ada.score(), ada.place()) == (['ROV', 'boat hook'], score, before)


def test_nobody_takes_name_or_treasures_meanwhile(game, ada, bob):
    fetch(ada, 'ROV')
    ada(QUIT)
    taken = game.say('/join?name=ADA')
    assert (taken.status, taken.lines[1]) == (409, 'try: http://localhost:80/join?name=ADA2')
    assert fetch(bob, 'ROV').status == 409 and 'ROV' not in bob.sees()


def test_after_ten_minutes_the_boat_is_gone_for_good(game, ada, bob, again):
    for treasure in ('ROV', 'crash alert', 'boat hook'):
        fetch(ada, treasure)
    bob('/sendchat?name=ada&message=hi')
    ada('/move?heading=north&n=1')
    ada(QUIT)
    game.wait(601)
    mocean.tend(game.sea)
    again()
    assert fetch(bob, 'ROV') == 'ROV,40'
    assert fetch(bob, 'boat hook') == 'boat hook,40'
    assert ada('/look').status == 404
    ada = game.join('ada')
    assert (ada('/popchat'), ada.items(), ada.items('quest'), ada.boat.finds) == ('', [], [], ())
    assert [line.split(',')[2] for line in ada('/log').lines] == ['/popchat', '/inventory', '/inventory']
    x, y, _ = ada.place()
    assert ada('/move?heading=north&n=1') == f'{x:g},{y + 1:g},0'           # no old reply


def test_quit_twice_with_one_n_answers_the_same_for_a_minute(game, ada):
    farewell = ada(QUIT + '&n=1')
    assert farewell.status == 200
    assert ada(QUIT + '&n=1') == farewell
    game.wait(61)
    assert ada(QUIT + '&n=1').status == 409


def test_whoever_comes_back_has_rested_nothing(game, ada):
    """A second saved ashore would be a second for nothing."""
    ada(QUIT)
    game.wait(300)
    game.say(f'/join?name=ada&id={ada.id}')
    assert ada('/move?heading=east&steps=10').status == 429
    game.wait(1)
    assert ada('/move?heading=east&steps=10').status == 200


def test_a_full_ocean_has_room_for_who_comes_back(game, ada, bob, monkeypatch):
    monkeypatch.setattr(mocean, 'MOST_BOATS', 2)
    ada(QUIT)
    game.join('eve')
    assert game.say(f'/join?name=ada&id={ada.id}').status == 200


# --- ids -------------------------------------------------------------------------------------------------------------

def test_a_slip_in_the_name_does_not_make_a_second_boat(game, ada):
    slip = game.say(f'/join?name=adda&id={ada.id}')
    assert (slip.status, slip.lines) == (409, ["this id is ada's boat, and not that of adda",
                                               f'try: http://localhost:80/join?name=ada&id={ada.id}'])
    assert game.say('/who') == 'ada,0'


def test_a_name_with_a_wrong_id_is_taken(game, ada):
    wrong = game.say('/join?name=ada&id=abcdefgh')
    assert wrong.lines == ['the name ada is taken, and by another id than this', 'try: http://localhost:80/join?name=ada2']


def test_an_id_is_not_found_by_guessing_many_at_once(game, ada):
    dice = random.Random(1)
    letters = ''.join(dice.choice(mocean.ID_LETTERS) for _ in range(46))
    for guess in (letters + ada.id + letters, ada.id + letters, letters + ada.id, f'{letters} {ada.id}'):
        refused = game.say(f'/look?id={guess}')
        assert refused.status == 404 and ada.id not in refused.lines[1], guess


@pytest.mark.parametrize('paste', ['"{}"', "'{}'", '{},ada,57,104,0', 'http://localhost/look?id={}', ' {} ', '<{}>'])
def test_what_a_person_pastes_who_means_an_id_is_read(ada, game, paste):
    assert game.say('/name?id=' + paste.format(ada.id)) == 'ada'


# --- rations outlive quit --------------------------------------------------------------------------------------------

def test_ten_letters_a_minute_are_ten_also_for_who_quits_and_comes_back(game, ada, bob):
    sent = 0
    for _ in range(4):
        sent += sum(ada(f'/sendchat?name=bob&message={number}').status == 200 for number in range(11))
        ada(QUIT)
        game.say(f'/join?name=ada&id={ada.id}')
    assert sent == 10


def test_a_new_boat_has_no_whole_ration_of_letters(game, ada):
    """Else a fleet of new names would shout without an end."""
    eve = game.join('eve')
    assert [eve(f'/sendchat?name=ada&message={number}').status for number in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize('item', ['fishing net', 'infundibulum'])
def test_once_a_minute_is_once_a_minute_also_for_who_quits_and_comes_back(game, ada, item):
    ada.put(items=[item])
    ada(f'/use?item={item}')
    ada(QUIT)
    game.say(f'/join?name=ada&id={ada.id}')
    game.wait(30)
    row(ada, 'east', 10)
    early = ada(f'/use?item={item}')
    assert early.status == 429 and 'once a minute' in early


# --- sandwich, net, dust ---------------------------------------------------------------------------------------------

def test_a_sandwich_is_eaten_as_long_as_its_owner_is_aboard(game, ada, bob):
    fetch(ada, 'sandwich')
    ada('/use?item=sandwich')
    game.wait(3600)
    mocean.tend(game.sea)
    assert fetch(bob, 'sandwich').status == 409
    ada(QUIT)
    game.wait(601)
    assert fetch(bob, 'sandwich').status == 409              # ada might still come back
    mocean.tend(game.sea)
    assert fetch(bob, 'sandwich') == 'sandwich,40'


def test_a_sector_is_fished_out_for_ten_minutes_for_everybody(game, ada, bob):
    ada.put(items=['fishing net'])
    assert ada('/use?item=fishing net') == 'a good catch: 2 points'
    bob.put(x=ada.boat.x, y=ada.boat.y, items=['fishing net'])
    game.wait(540)
    for player in (ada, bob):
        late = player.json('/use?item=fishing net')
        assert (late['status'], late['wait_s']) == (429, 60)
        assert late['error'].startswith('too early by 60 s: these waters are fished out; row to others')
    game.wait(60)
    assert bob('/use?item=fishing net') == 'a good catch: 2 points'
    assert (ada.score(), bob.score()) == (2, 2)


def test_the_net_pays_a_boat_at_most_forty(game, ada):
    ada.put(items=['fishing net'])
    for number in range(30):
        game.wait(60)
        row(ada, 'east', 10)
        cast = ada('/use?item=fishing net')
        assert cast == 'a good catch: 2 points' if number < 20 else cast.status == 409
        if number == 20:                         # it is told at once, and not to wait first
            assert ada('/use?item=fishing net').status == 409
        here = game.ocean.sectors[mocean.sector_key(ada.boat.x, ada.boat.y)]
        assert (here.fished == game.now) == (number < 20)                # what brings nothing is left to others
    assert ada.score() == 40


def test_iron_dust_in_a_loop_makes_one_bloom_and_takes_time(game, ada):
    began = game.now
    x, y, z = game.hill('iron dust')
    ada.put(x=x, y=y, z=z)
    for _ in range(20):
        assert ada('/get?item=treasure').status == ada('/use?item=iron dust').status == 200
    assert len(game.ocean.blooms) == 1
    assert game.now - began > 20 * 0.2                       # two calls, a cell each


def test_every_call_that_changes_something_costs_time(game, ada, bob):
    """At least a cell's, but what something else has paid for: a letter that is read."""
    calls = {'move': '?heading=north', 'accel': '?ctrl=w', 'stop': '', 'dive': '?ctrl=f', 'ping': '',
             'quit': '?sure=yes', 'get': '?item=treasure', 'use': '?item=crash alert', 'race': '',
             'teleport': '?x=5&y=5', 'sendchat': '?name=bob&message=hi'}
    free = {'join', 'popchat'}
    assert {route.name for route in mocean.ROUTES if route.changes} == {*calls, *free}
    for name, query in calls.items():
        x, y, z = *mocean.course_of(game.ocean, 0).marks[0], 0
        if name == 'get':
            x, y, z = game.hill('binoculars')
        ada.put(x=x, y=y, z=z, speed=0, items=['crash alert', 'teleport crystal'], talk=-60)
        game.wait(2)
        saved = game.now - 1
        assert ada(f'/{name}{query}').status == 200, name
        spent = game.ocean.ashore['ada'] if name == 'quit' else ada.boat
        assert spent.paid >= saved + 0.1 - 1e-6, name
        if name == 'quit':
            game.say(f'/join?name=ada&id={ada.id}')


@pytest.mark.parametrize('call', ['/popchat?n=1', '/race?n=1', '/popchat?n=1&format=json'])
def test_a_reply_that_is_kept_is_not_for_nothing(game, ada, call):
    """Also where the same call without a name of its own is free: it is a line in the journal."""
    x, y = mocean.course_of(game.ocean, 0).marks[0]
    ada.put(x=x, y=y)
    assert ada('/race').status == 200
    ada.put(x=(x + 10) % 600)
    game.wait(2)
    assert ada(call).status == 200 and ada.boat.paid == pytest.approx(game.now - 0.9)


# --- home waters, soundings, sonar -----------------------------------------------------------------------------------

def test_home_waters_pay_every_boat_once(game, ada):
    """Sector and sounding: whoever comes last still finds points in the first minute."""
    hill = game.ocean.floor.seamounts[0]
    column, line = hill.x // 10, hill.y // 10
    assert len(game.ocean.home) == 75                        # 5 by 5 sectors round each of three seamounts
    for name in ('bob', 'eve'):
        player = game.join(name)
        player.put(x=(column - 2) % mocean.COLUMNS * 10, y=line * 10, score=0, home='', home_pings='',
                   badges=mocean.QUEST_NAMES, quest=12)
        for round in (5, 0):
            before = player.score()
            row(player, 'east', 40, at_once=10)
            row(player, 'west', 40, at_once=10)
            assert player.score() - before == round          # five sectors of this row
        for sounding in (1, 0):
            before = player.score()
            player('/ping')
            assert player.score() - before == sounding
    row(player, 'west', 20)                                  # out of them somebody has been everywhere
    assert player.score() == 6


def test_a_first_in_home_waters_pays_no_more(game, ada):
    game.happen(sectors={key: None for key in game.ocean.sectors}, depths={key: None for key in game.ocean.depths})
    hill = game.ocean.floor.seamounts[0]
    for home in ('', 'f' * 19):
        ada.put(x=hill.x, y=hill.y, score=0, home=home, home_pings=home)
        game.happen(sectors={mocean.sector_key(hill.x, hill.y): None}, depths={mocean.sector_key(hill.x, hill.y): None})
        x = hill.x // 10 * 10 + (4 if hill.x % 10 != 4 else 5)
        ada.put(x=x)
        ada(f'/move?heading={"east" if x < hill.x else "west"}')
        ada('/ping')
        assert ada.score() == (0 if home else 2)


@pytest.mark.parametrize('items', [[], ['imaging sonar']])
def test_a_ping_brings_one_point_at_most_and_always_has_a_depth(game, ada, items):
    game.happen(depths={key: None for key in game.ocean.depths})
    ada.put(x=9, y=9, items=items)
    began = game.now
    for number, heading in enumerate(['east', 'north', 'west', 'south'] * 3):
        reply = ada.json('/ping')
        assert reply['depth'] == game.ocean.floor(ada.boat.x, ada.boat.y)
        assert ('patch' in reply) == bool(items)
        assert float(ada('/ping')) == reply['depth']
        assert ada.score() <= number + 1
        row(ada, heading, 10)
    assert ada.score() == 4                                  # a patch is data: it takes no sector from anybody
    assert game.now - began > 24 * 0.5


def test_the_patch_is_eleven_by_eleven_with_the_north_first_also_over_the_seams(game, ada):
    ada.put(x=1, y=398, items=['imaging sonar'])
    floor = game.ocean.floor
    patch = ada.json('/ping')['patch']
    assert patch == [[floor(*off((1, 398), dx, dy)) for dx in range(-5, 6)] for dy in range(5, -6, -1)]


# --- newcomers -------------------------------------------------------------------------------------------------------

def test_every_newcomer_sees_a_treasure_however_many_boats_there_are(game):
    for number in range(400):
        game.wait(0.2)
        id, _, x, y, z = game.say(f'/join?name=sailor{number}').split(',')
        if number % 7 == 0 or number > 390:
            treasures = [line for line in game.say(f'/look?id={id}').lines if line.startswith('treasure')]
            assert treasures and float(treasures[0].split(',')[5]) <= 20, number


@pytest.mark.parametrize('seed', range(5))
def test_every_planet_has_berths_in_sight_of_what_stays(tmp_path, seed):
    """The treasure of a home seamount is one that others can take as well."""
    floor = mocean.Seafloor(seed)
    homes = floor.treasures[:mocean.HOMES]
    assert all(mocean.TREASURES[lying.name].evergreen for lying in homes)
    for number in range(0, 2000, 7):
        place = mocean.berth(floor, number)
        assert min(mocean.distance(*place, lying.x, lying.y) for lying in homes) <= mocean.SIGHT_CELLS


def test_joining_has_a_ration_for_the_whole_ocean(game, ada):
    """A burst of sixty, then five a second; who comes back with an id is exempt."""
    game.wait(60)
    assert [game.say(f'/join?name=a{number}').status for number in range(61)] == [200] * 60 + [429]
    refused = game.say('/join?name=late&format=json').json()
    assert refused['error'].startswith('too early by 0.2 s: 5 new boats a second are enough')
    assert game.say(f'/join?name=ada&id={ada.id}').status == 200
    for second in range(3):
        game.wait(1)
        statuses = [game.say(f'/join?name=b{second}x{number}').status for number in range(6)]
        assert statuses == [200] * 5 + [429]


def crowd(game, number):
    for name in range(number):
        game.wait(0.2)
        yield game.join(f'idle{name}')


def test_in_a_crowd_who_only_joined_goes_ashore_after_ten_minutes_and_the_id_brings_back(game, ada, again):
    ada('/move?heading=north')
    boats = list(crowd(game, 200))
    boats[5]('/move?heading=north')
    boats[6]('/look')                                        # to look is not to do something
    game.wait(600 - 41)                                      # all these joins took forty seconds
    mocean.tend(game.sea)
    assert len(game.ocean.boats) == 201
    game.wait(42)
    mocean.tend(game.sea)
    assert sorted(game.ocean.boats) == ['ada', 'idle5']
    again()
    for idle in (boats[6], boats[199]):
        assert idle('/look').status == 409
        assert game.say(f'/join?name={idle.name}&id={idle.id}').status == 200
        assert idle('/look').status == 200
    game.wait(86_400)
    mocean.tend(game.sea)                                    # who was sent away waits for longer than ten minutes
    assert game.say(f'/join?name=idle7&id={boats[7].id}').status == 200


def test_a_secret_id_becomes_no_name(game, ada):
    for name in (ada.id, ada.id.upper()):
        reply = game.say(f'/join?name={name}')
        assert reply.status == 409 and reply.lines[0].startswith('this name is the secret id of a boat')
        assert reply.lines[1].endswith(f'/join?name=ada&id={ada.id}')
    assert len(game.ocean.boats) == 1


def test_in_a_crowd_the_calls_of_who_is_silent_are_forgotten(game, ada, bob, monkeypatch):
    """A machine that joins all day, and fills the log of each boat, must not fill the memory."""
    ada('/move?heading=north')
    game.wait(601)
    bob('/move?heading=north')
    mocean.tend(game.sea)
    assert set(game.sea.calls) == {'ada', 'bob'}
    monkeypatch.setattr(mocean, 'CROWD_BOATS', 1)
    mocean.tend(game.sea)
    assert set(game.sea.calls) == {'bob'} and ada('/log') == ''
    assert ada('/move?heading=north').status == 200 and '/move' in ada('/log')


def test_of_who_is_gone_for_good_no_calls_are_left_for_the_next_of_that_name(game, monkeypatch):
    monkeypatch.setattr(mocean, 'CROWD_BOATS', 0)
    monkeypatch.setattr(mocean, 'ASHORE_KEPT', 0)
    game.join('ada')('/look')
    game.wait(601)
    for _ in range(2):                                       # ashore, and away
        mocean.tend(game.sea)
    assert not game.sea.calls
    assert game.join('ada')('/log') == ''


def test_where_there_is_room_nobody_is_sent_away(game, ada):
    boats = list(crowd(game, 20))
    game.wait(86_400)
    mocean.tend(game.sea)
    assert len(game.ocean.boats) == 1 + len(boats)


# --- others cannot spoil it ------------------------------------------------------------------------------------------

@pytest.fixture
def few_news(bob, monkeypatch):
    """Room for twelve, and of one boat for five; Bob has made one."""
    monkeypatch.setattr(mocean, 'NEWS_OF_ONE_KEPT', 5)
    monkeypatch.setattr(mocean, 'NEWS_KEPT', 12)
    bob.put(items=['iron dust'])
    bob('/use?item=iron dust')


def test_the_news_of_one_boat_push_out_only_its_own(game, ada, few_news):
    for _ in range(20):
        ada.put(items=['iron dust'])
        ada('/use?item=iron dust')
    assert game.news() == ['ada joined', 'bob joined', 'bob made the plankton bloom'] + [
        'ada made the plankton bloom'] * 5
    numbers = [int(line.split(',')[0]) for line in game.say('/news').lines]
    assert numbers == sorted(numbers)
    game.crash()
    assert len(game.news()) == 8


def test_who_joins_many_times_pushes_out_only_who_joined(game, few_news):
    for number in range(20):
        join(game.say, f'new{number}')
    assert game.news() == ['bob made the plankton bloom'] + [f'new{number} joined' for number in range(15, 20)]


def test_a_treasure_is_never_pushed_out_of_look_by_boats(game, ada):
    x, y, z = game.hill('crash alert')
    ada.put(x=x, y=(y + 20) % 400)
    game.happen(whales={'Quincy': {'x': x, 'y': (y + 39) % 400, 'at': game.now, 'vx': 0, 'vy': 0}})
    for boat in crowd(game, 60):
        boat.put(x=x, y=(y + 19) % 400)
    lines = ada('/look').lines
    assert sum(line.startswith('player') for line in lines) == 8
    assert [line.split(',')[1] for line in lines if not line.startswith('player')] == ['Quincy', 'crash alert']


def test_messages_to_all_and_letters_come_in_the_order_of_their_time(game, ada, bob):
    eve = game.join('eve')
    eve.put(talk=-60)
    bob.put(talk=-60)
    sent = []
    for number, (who, to) in enumerate(itertools.product((ada, bob, eve), ('all', 'zoe', 'all'))):
        if number == 0:
            zoe = game.join('zoe')
        game.wait(1)
        assert who(f'/sendchat?name={to}&message=m{number}').status == 200
        sent.append(f'{who.name},m{number}')
    assert [zoe('/popchat') for _ in range(10)] == sent + ['']
    mine = [text for number, text in enumerate(sent) if text.startswith(('ada', 'eve')) and number % 3 != 1]
    assert [bob('/popchat') for _ in range(5)] == mine + ['']


def test_a_message_to_all_is_one_line_of_the_journal_however_many_hear_it(game, ada):
    for _ in crowd(game, 100):
        pass
    before = game.sea.journal.size
    ada(f'/sendchat?name=all&message={"é" * 200}')
    assert game.sea.journal.size - before < 2000
    assert game.sea.journal.lines


def test_who_joins_later_hears_only_what_is_said_from_then_on(game, ada):
    ada('/sendchat?name=all&message=before')
    eve = game.join('eve')
    ada('/sendchat?name=all&message=after')
    assert [eve('/popchat') for _ in range(2)] == ['ada,after', '']


def test_what_is_heard_is_not_heard_again_after_a_restart(game, ada, bob, again):
    for number in range(3):
        ada(f'/sendchat?name=all&message={number}')
    assert bob('/popchat') == 'ada,0'
    again()
    assert [bob('/popchat') for _ in range(3)] == ['ada,1', 'ada,2', '']


# --- names -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('name, meant', [('Аda', 'А'), ('adа', 'ad'), ('аda7', 'а7')])      # with a Cyrillic a
def test_a_name_mixes_no_scripts(game, name, meant):
    refused = game.say(f'/join?name={name}&format=json').json()
    assert refused['status'] == 400 and 'of one script' in refused['error']
    assert game.say(refused['try'].partition(':80')[2]).json()['name'] == meant


@pytest.mark.parametrize('name, like', [
    ('ace', 'асе'),          # Cyrillic
    ('pop', 'рор'),
    ('ava', 'ανα'),          # Greek
    ('ADA', 'ada'),
    ('ada', 'ａｄａ')])       # wide
def test_a_name_that_looks_like_another_is_taken(game, name, like):
    join(game.say, name)
    refused = game.say(f'/join?name={like}')
    assert refused.status == 409
    assert game.say(refused.lines[1].partition(':80')[2]).status == 200


@pytest.mark.parametrize('name', ['all', 'ALL', '\u0430ll', ' all '])
def test_nobody_is_called_all(game, name):
    """A letter to all would be one to this boat. (One of them begins with a Cyrillic letter.)"""
    refused = game.say(f'/join?name={name}')
    assert refused.status == 400 and 'not "all"' in refused
    assert game.say(refused.lines[1].partition(':80')[2]).status == 200


@pytest.mark.parametrize('name', ['Мария', 'Σοφία', '小明', 'さくら子', 'Zoë', 'עדה', 'आदा', 'ada2'])
def test_names_of_every_script_are_welcome(game, name):
    assert game.say(f'/join?name={name}').split(',')[1] == name


# --- no mix of calls is faster than the hull -------------------------------------------------------------------------

ROWING = [['/move?heading={heading}&steps={steps}']] * 8
SAILING = [['/accel?ctrl=w'] * 5] * 3 + [['/accel?ctrl=w'], ['/accel?ctrl=a'], ['/accel?ctrl=d'], ['/stop']]
OTHERS = [['/look'], ['/location'], ['/ping'], ['/race'], ['/popchat']]


@pytest.mark.parametrize('seed', range(8))
def test_no_mix_of_calls_is_faster_than_the_hull(game, ada, seed):
    """The longest way made in any stretch of time: the hull, and one second saved. (A call may be answered late: then
    it is the answer that counts.)"""
    dice = random.Random(seed)
    track = [(game.now, ada.boat.x, ada.boat.y, 0.0)]
    bursts = ROWING + SAILING * dice.choice([1, 2]) + OTHERS * (seed % 2)
    for burst in dice.choices(bursts, k=200):
        heading, steps = dice.choice(list(mocean.HEADINGS)), dice.choice([1, 1, 2, 5, 7, 10])
        for call in burst:
            assert ada(call.format(heading=heading, steps=steps)).status in (200, 400, 409, 429), call
        game.wait(dice.choice([0, 0, 0.001, 0.05, 0.1, 0.3, 1, 1]))
        x, y = mocean.place(ada.boat, game.now)
        _, *last, way = track[-1]
        track.append((game.now, x, y, way + mocean.distance(*last, x, y)))
    for (began, *_, before), (ended, *_, after) in itertools.combinations(track, 2):
        assert after - before <= mocean.HULL_CELLS_PER_S * (ended - began + mocean.SAVED_S) + 0.01


@pytest.mark.parametrize('seed', range(4))
def test_with_right_expects_a_boat_is_a_quarter_faster_and_no_more(game, ada, seed):
    dice = random.Random(seed)
    game.wait(1)
    began, cells = game.now, 0.0
    while game.now < began + 30:
        heading, steps = dice.choice(list(mocean.HEADINGS)), dice.choice([1, 2, 5])
        dx, dy = mocean.HEADINGS[heading]
        x, y = off((ada.boat.x, ada.boat.y), dx * steps, dy * steps)
        reply = ada(f'/move?heading={heading}&steps={steps}&expect={x},{y}')
        if reply.status == 200:
            cells += steps * math.hypot(dx, dy)
        else:
            game.wait(0.1)
    assert 30 / 0.8 * 10 * 0.9 < cells <= (game.now - began + 1) / 0.8 * 10 + 0.1


# --- the season ------------------------------------------------------------------------------------------------------

def test_the_season_outlives_every_ocean_and_tells_no_ids(game, ada):
    season = game.folder / 'season.json'
    assert game.say('/season') == ''
    season.write_text(json.dumps({'k7p2m3qx': {'name': 'zoe', 'points': 25, 'rounds': 2},
                                  'abcdefgh': {'name': 'ada', 'points': 43, 'rounds': 3}}))
    game.restart()
    assert game.say('/season').lines == ['1,ada,43,3', '2,zoe,25,2']
    assert 'k7p2m3qx' not in game.say('/season?format=json')
    season.write_text('{"k7p2m3qx": {"name": "zoe"')
    game.restart()
    assert game.say('/season') == '' and len(list(game.folder.glob('season.json-*'))) == 1


def test_news_and_the_chart_tell_true_time_and_the_game_goes_by_its_own(game, ada):
    """A clock of the computer that is put forward by a day harms no ration."""
    ada('/sendchat?name=all&message=hi')
    ada.put(items=['infundibulum'])
    ada('/use?item=infundibulum')
    calendar = game.sea.calendar
    game.sea.calendar = lambda: calendar() + 86_400
    assert ada('/use?item=infundibulum').status == 429
    ada.put(items=['iron dust'])
    ada('/use?item=iron dust')
    assert game.say('/news').lines[-1].split(',')[1] == mocean.tell_time(NOON + 86_400 + game.seconds)


def test_the_log_says_how_many_lines_it_left_out(capfd):
    seconds = [1]
    diary = mocean.Diary(lambda: seconds[0])
    for _ in range(mocean.LOG_LINES_OF_ONE_PER_S + 3):
        diary.say('ada did it again', 'ada')
    seconds[0] += 1
    diary.next_second()
    assert capfd.readouterr().err.splitlines() == ['ada did it again'] * mocean.LOG_LINES_OF_ONE_PER_S + [
        '(3 lines are left out here: too many for one second)']
