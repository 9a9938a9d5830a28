"""The puzzles as what they are: functions from a message to a prize, or to a hint."""
import math

import hypothesis
import hypothesis.strategies as st
import pytest
from steps_solved import ANSWERS, cross_the_pond, trade

import steps

HINTS = {
    'steps': [
        ('hello wurlde', 'welcome! You sent the steps game the message: hello wurlde'),
        ('a visa', 'Warm: a paper, but I mean the little book.'),
        ('pasport', 'Hot: mind the spelling; one word.'),
        ('my passport', 'Hot: mind the spelling; one word.'),
    ],
    'puzzle': [
        ('run', 'Cold: much too much work. What does a forest do that is deciduous?'),
        ('32', 'Cold: much too much work. What does a forest do that is deciduous?'),
        ('autumn', 'Warm: that is when. But what is it that falls?'),
        ('tree', 'Warm: go on to the end of the twig. What is thin and green?'),
        ('Leave!', 'Hot: your ears are right! Now spell it as a tree would.'),
        ('leaves', 'Hot: one is enough.'),
        ('I leave!', 'Hot: your ears are right! Now spell it as a tree would.'),
        ('leaff', 'Hot: mind the spelling.'),
        ('leef', 'Hot: mind the spelling.'),
    ],
    'problem': [
        ('many', 'Cold: I need a number, in digits.'),
        ('thirty-two', 'Cold: I need a number, in digits.'),
        ('1_000', 'Cold: I need a number, in digits.'),
        ('٣٢', 'Cold: I need a number, in digits.'),
        ('inf', 'Cold: I need a number, in digits.'),
        ('nan', 'Cold: I need a number, in digits.'),
        ('1e3', 'Cold: I need a number, in digits.'),
        ('{number}', 'Cold: the braces came through: in Python, write an f before the quote.'),
        ('31.5', 'Cold: a whole number, please: nothing after the point.'),
        ('9' * 400, 'Cold: a number of 400 digits is longer than my patience.'),
        ('-32', 'Cold: below zero? Count again.'),
        ('5', 'Cold: far too small. With one friend there are two parties; with two friends?'),
        ('12', 'Cold: far too small.'),
        ('121', 'Cold: far too big.'),
        ('120', 'Warm: that is in how many orders they can come in. Who comes is what counts.'),
        ('10', 'Warm: each friend comes or stays away: two ways. Five friends: do not add, multiply.'),
        ('25', 'Warm: each friend comes or stays away: two ways. Five friends: do not add, multiply.'),
        ('24', 'Warm: too small.'),
        ('36', 'Warm: too big.'),
        ('31', 'Hot: you forgot the quiet party to which nobody comes.'),
        ('33', 'Hot: a little too big.'),
    ],
    'begin': [
        ('0', 'Cold: the smallest prime number is 2.'),
        ('-7', 'Cold: the smallest prime number is 2.'),
        ('99999999999', 'Cold: a smaller one, please: up to 9999999 I can check by hand.'),
        ('100', 'Cold: neither above 100 nor prime.'),
        ('97', 'Warm: 97 is prime, but not above 100.'),
        ('121', 'Warm: above 100, but 121 is 11 times 11.'),
        ('9999999', 'Warm: above 100, but 9999999 is 3 times 3333333.'),
    ],
    'beguine': [
        ('17', 'Warm: 17 is which figure it is. How many steps has it?'),
        ('610', 'Hot: that is the sixteenth. One figure more!'),
        ('1597', 'Hot: that is the eighteenth. The first figure has 0 steps.'),
        ('986', 'Hot: a little too small.'),
        ('5000', 'Cold: far too big.'),
    ],
    'sirduke': [
        ('satin', 'Cold: that is from the title. What is sung first of all?'),
        ('love', 'Cold: not that one. It begins with w, and some people wear them.'),
        ('watches', 'Warm: a w it is. But one wears these on the head.'),
        ('which', 'Warm: that comes earlier. The fourth, please.'),
        ('me', 'Hot: one word too far.'),
        ('wig', 'Hot: the sound is right; what does a hairdresser sell?'),
    ],
    'euler': [
        ('55', 'Cold: far too small.'),
        ('5050', 'Warm: right for another number of numbers. Up to 10000, please.'),
        ('100010000', 'Warm: every pair was counted twice.'),
        ('49995000', 'Hot: your loop stops at 9999: range() leaves out its end.'),
        ('50005001', 'Hot: a little too big.'),
        ('40000000', 'Warm: too small.'),
    ],
    'meruprastarah': [
        ('1', 'Cold: six numbers with commas between them, please; I counted 1.'),
        ('1,a', 'Cold: I need a number, in digits.'),
        ('1,,2', 'Cold: six numbers with commas between them, please; I counted 2.'),
        ('1,2,3,4,5,6', 'Warm: read it backwards: it must stay the same.'),
        ('1,5,9,9,5,1', 'Warm: together they must be 32; yours are 30.'),
        ('1,6,9,9,6,1', 'Hot: the sum is right. Add neighbours: 1+4, 4+6, ...'),
        ('1,4,6,4,1', 'Hot: a row of the staircase, but the one next door.'),
    ],
}
KIND = {    # other ways to write a right answer
    'steps': [' Passport ', 'PASSPORT!', 'a passport', '"passport"'],
    'puzzle': ['a leaf', 'LEAF.', 'The leaf'],
    'problem': ['32.0', '32.', ' 32 ', '3 2', '+32', '032', "'32'"],
    'begin': ['103', '1009', '9999991'],
    'sirduke': ['Wigs', '"wigs"'],
    'euler': ['50,005,000', '50 005 000', '50005000.00'],
    'meruprastarah': ['1 5 10 10 5 1', '[1, 5, 10, 10, 5, 1]', '1;5;10;10;5;1', '1, 5, 10, 10, 5, 1,'],
}


def told(puzzle, *sent, **handed):
    """The words of a hint or of a prize."""
    try:
        return puzzle(*sent, **handed)
    except steps.Hint as hint:
        return str(hint)


@pytest.mark.parametrize('step, message, hint', [(step, *row) for step in HINTS for row in HINTS[step]],
                         ids=[f'{step}-{row[0][:20]}' for step in HINTS for row in HINTS[step]])
def test_each_wrong_answer_gets_its_hint(step, message, hint):
    with pytest.raises(steps.Hint) as caught:
        steps.LADDER[step](message)
    assert str(caught.value) == hint


@pytest.mark.parametrize('step, message', [(step, text) for step in KIND for text in KIND[step]])
def test_a_right_answer_may_be_written_in_several_ways(step, message):
    assert isinstance(steps.LADDER[step](message), str)


def test_the_hints_cover_the_ladder_up_to_where_programs_begin():
    assert [*HINTS, 'exchange', 'duck'] == list(steps.LADDER)


@hypothesis.given(st.text(max_size=300) | st.integers().map(str) | st.floats().map(str))
@hypothesis.settings(max_examples=300, deadline=None)
def test_whatever_is_sent_gets_a_hint_or_a_prize(text):
    handed = {'name': 'ada', 'now': 1.0, 'key': 'k'}
    for puzzle in steps.LADDER.values():
        given = {what: handed[what] for what in puzzle.handed}
        assert isinstance(told(puzzle, *[text for _ in puzzle.takes], **given), str)
        assert isinstance(told(puzzle, text, **given), str)


@pytest.mark.parametrize('text', ['x' * 60_000, '9' * 60_000, '1,' * 30_000, '-' * 60_000, '9' * 30_000 + '.0'])
def test_a_kilometre_of_text_gets_a_hint(text):
    for name, puzzle in steps.LADDER.items():
        if name not in ('exchange', 'duck'):
            assert told(puzzle, text)


# ------------------------------------------------------------------------------ the exchange

class Exchange:
    """The exchange with a clock and a key of one's own; it speaks like `say`."""

    def __init__(self, key='k', seconds=0.1):
        self.key, self.seconds, self.now, self.calls = key, seconds, 1000.0, []

    def __call__(self, url):
        sent = dict(pair.split('=') for pair in url.partition('?')[2].split('&'))
        self.now += self.seconds
        self.calls.append(sent)
        return self.ask(**sent)

    def ask(self, message, sign='', name=''):
        return told(steps.exchange, message, sign, name=name, now=self.now, key=self.key)


def test_a_hundred_sums_in_time():
    exchange = Exchange()
    assert trade(exchange) == 'A hundred sums in 10.0 seconds! No human hand did that. Now walk down to the pond.'
    assert len(exchange.calls) == 101


def test_a_hundred_sums_too_late():
    answer = trade(Exchange(seconds=1))
    assert answer.startswith('Cold: addition 31 came after 31 seconds, the exchange closes after 30. Let a loop do it')


def test_the_sums_differ_each_time():
    exchange, sums = Exchange(), set()
    for _ in range(20):
        exchange.now += 1
        sums.add(exchange.ask('begin').rpartition(',')[0])
    assert len(sums) > 15


def test_recorded_answers_are_worth_nothing():
    first = Exchange()
    trade(first)
    second = Exchange()
    second.now += 60
    a, b, sign = second.ask('begin').split(',')
    assert second.ask(first.calls[1]['message'], sign).startswith('Warm: ')
    assert second.ask(first.calls[-1]['message'], first.calls[-1]['sign']).startswith('Cold: addition 100 came after')


def test_a_sign_serves_nobody_else():
    exchange = Exchange()
    a, b, sign = exchange.ask('begin', name='ada').split(',')
    right = str(int(a) + int(b))
    for stolen, name in [(sign, 'bob'), (sign, ''), (sign.replace('1.', '100.', 1), 'ada'),
                         ('x', 'ada'), ('..é', 'ada'), (sign.replace('.', ',', 1), 'ada'), (sign + '.', 'bob')]:
        assert exchange.ask(right, stolen, name).startswith('Cold: that sign is not mine, or was for another name')
    assert exchange.ask(right, '', 'ada').startswith('Cold: a sum needs its sign: message=begin gives you the first')
    assert exchange.ask(right, sign, 'ADA').count(',') == 2


def test_a_clock_that_is_set_back_gives_no_more_time():
    exchange = Exchange()
    a, b, sign = exchange.ask('begin').split(',')
    exchange.now -= 3600
    assert exchange.ask(str(int(a) + int(b)), sign).startswith('Cold: addition 1 came after -3600 seconds')


def test_a_wrong_sum_may_be_corrected():
    exchange = Exchange()
    a, b, sign = exchange.ask('begin').split(',')
    assert exchange.ask('0', sign) == f'Warm: {a} + {b} is something else. The same sign again, please, with their sum.'
    assert exchange.ask(f'{int(a) + int(b)}.0', sign).count(',') == 2


# ------------------------------------------------------------------------------ the duck and the wolf

def pond(url):
    sent = dict(pair.split('=') for pair in url.partition('?')[2].split('&'))
    return told(steps.duck, sent['location'], sent.get('destination', ''), sent.get('sign', ''),
                name=sent.get('name', ''), key='k')


def swim(location, destination='', sign='practice'):
    """The numbers of the next location."""
    return tuple(map(float, told(steps.duck, location, destination, sign, name='', key='k').split(',')[:3]))


@pytest.mark.parametrize('start', ['0,0,180', '0,0,0', '0,0,33.3', '0,0,-90', '0,0,-179.999999'])
def test_the_duck_can_escape_wherever_the_wolf_begins(start):
    calls, words = cross_the_pond(pond, start=start)
    assert words.startswith('Ashore after ') and calls < 60


def test_swimming_straight_ashore_is_too_slow():
    location, sign = '0,0,180', ''
    for _second in range(50):
        reply = told(steps.duck, location, '50,0', sign, name='', key='k')
        location, _, sign = reply.rpartition(',')
    assert reply.startswith('Cold: the wolf was there first!')


def test_the_first_second():
    assert told(steps.duck, '0,0,180', name='', key='k').startswith('0,0,180,1.')     # all rest: no shore is nearest
    assert swim('0,0,180', '50,0') == (1, 0, -175.416338)                             # 4 m of a shore of 314 m
    assert swim('0,0,90', '0.5,0') == (0.5, 0, 85.416338)                             # the duck arrives and waits


@pytest.mark.parametrize('location, after', [
    ('20,0,90', (20, 0, 85.416338)), ('20,0,-90', (20, 0, -85.416338)), ('20,0,2', (20, 0, 0)), ('20,0,0', (20, 0, 0)),
    ('20,179,-179', (20, 179, 179)), ('20,-179,170', (20, -179, 174.583662)), ('20,170,-170', (20, 170, -174.583662)),
    ('20,0,180', (20, 0, -175.416338)), ('20,180,0', (20, 180, 4.583662)), ('20,-180,-180', (20, 180, 180)),
    ('20,90,-89', (20, 90, -84.416338)), ('20,90,-91', (20, 90, -95.583662)),
])
def test_the_wolf_takes_the_shorter_way_to_a_resting_duck(location, after):
    assert swim(location) == after


@pytest.mark.parametrize('location, destination, after', [
    ('20,0,0', '21,0', (21, 0)), ('20,0,0', '0,0', (19, 0)), ('0.5,0,0', '0.5,180', (0.5, 180)),
    ('3,0,0', '4,90', (2.529822, 18.434949)), ('20,90,0', '20,-90', (19, 90)), ('20,-45,0', '20,-45', (20, -45)),
])
def test_the_duck_swims_straight_a_metre_a_second(location, destination, after):
    assert swim(location, destination)[:2] == after


def test_the_seconds_ashore_are_counted_exactly():
    here, spent = steps.swim(steps.point(49.75, 30), steps.point(60, 30))
    assert math.isclose(abs(here), 50) and math.isclose(spent, 0.25, rel_tol=1e-6)
    assert steps.chase(0, 90, spent) == pytest.approx(math.degrees(4 * 0.25 / 50))
    here, spent = steps.swim(steps.point(49, 0), steps.point(49, 90))        # across a bay: out before it is in
    assert spent == 1 and abs(here) < 49
    here, spent = steps.swim(steps.point(49.999999, 0), steps.point(49.999999, 1))
    assert spent <= 1 and abs(here) <= 50 + 1e-9


ANGLES = st.floats(-180, 180)


@hypothesis.given(st.floats(0, 49.9), ANGLES, ANGLES, st.floats(0, 100), ANGLES)
@hypothesis.settings(max_examples=300, deadline=None)
def test_nobody_is_faster_than_allowed(r, a, b, to_r, to_a):
    before = steps.plain(r, a, b)
    reply = told(steps.duck, before, steps.plain(to_r, to_a), 'practice', name='', key='k')
    if reply.count(',') == 3 and reply.endswith('practice'):
        r, a, b = map(float, before.split(','))
        r2, a2, b2 = map(float, reply.split(',')[:3])
        assert abs(steps.point(r2, a2) - steps.point(r, a)) <= 1 + 1e-5
        assert abs(steps.wrapped(b2 - b)) <= math.degrees(4 / 50) + 1e-5
        assert 0 <= r2 < 50 and -180 < a2 <= 180 and -180 < b2 <= 180


def test_a_duck_that_did_not_swim_there_has_not_finished():
    assert told(steps.duck, '49.9,0,180', '50,0', name='', key='k').startswith('Hot: ashore, ')
    assert told(steps.duck, '49.9,0,180', '50,0', '58.0123456789abcdef', name='', key='k').startswith(
        'Cold: that sign belongs to another location')
    assert told(steps.duck, '0,0,180', '1,0', 'practice', name='', key='k').endswith(',practice')


def test_a_sign_holds_for_its_location_its_name_and_its_seconds():
    location, _, sign = told(steps.duck, '0,0,180', '50,0', name='ada', key='k').rpartition(',')
    assert sign.startswith('1.')
    assert told(steps.duck, location, '50,0', sign, name='Ada', key='k').rpartition(',')[2].startswith('2.')
    for where, stolen, name, key in [(location, sign, 'bob', 'k'), ('2' + location[1:], sign, 'ada', 'k'),
                                     (location, '0' + sign[1:], 'ada', 'k'), (location, sign, 'ada', 'other')]:
        assert told(steps.duck, where, '50,0', stolen, name=name, key=key).startswith('Cold: that sign belongs to')


def test_a_sign_from_the_exchange_is_none_at_the_pond():
    exchange = Exchange()
    a, b, sum_sign = exchange.ask('begin', name='ada').split(',')
    location, _, pond_sign = told(steps.duck, '0,0,180', '50,0', name='ada', key='k').rpartition(',')
    answer = told(steps.duck, location, '', sum_sign, name='ada', key='k')
    assert answer.startswith('Cold: that sign belongs to another')
    for stolen in (pond_sign, pond_sign.replace('.', '.1.')):
        assert exchange.ask(str(int(a) + int(b)), stolen, 'ada').startswith('Cold: that sign is not mine')


def test_numbers_may_come_back_as_python_prints_them():
    location, _, sign = told(steps.duck, '0,0,-0.0', '1e-05,90', name='', key='k').rpartition(',')
    assert location == '0.00001,90,4.583662'
    again = ','.join(str(float(number)) for number in location.split(','))
    assert again.startswith('1e-05,90.0')
    assert told(steps.duck, again, '', sign, name='', key='k').count(',') == 3


@pytest.mark.parametrize('location, destination, hint', [
    ('here', '', 'I need 3 numbers with commas between them: r,a,b.'),
    ('0,0', '', 'I need 3 numbers with commas between them: r,a,b.'),
    ('0,0,0', '1', 'I need 2 numbers with commas between them: r,a.'),
    ('nan,0,0', '', 'r is not a number that I can use.'),
    ('0,inf,0', '', 'a is not a number that I can use.'),
    ('0,0,1e400', '', 'b is not a number that I can use.'),
    ('0,0,٣', '', 'b is not a number that I can use.'),
    ('-1,0,0', '', 'r is a distance from the middle of the pond; it cannot be less than 0.'),
    ('51,0,0', '', 'that is ashore already. The pond is 50 m from its middle to the shore.'),
    ('1e30,0,0', '', 'r is 1e+30 m? The shore is 50 m from the middle of the pond.'),
    ('1,999,0', '', 'angles go from -180 to 180 degrees; 0 is east, 90 is north.'),
])
def test_places_that_cannot_be(location, destination, hint):
    assert told(steps.duck, location, destination, name='', key='k') == f'Cold: {hint}'


def test_the_answers_of_the_tests_solve_the_ladder():
    for route, answer in ANSWERS.items():
        assert told(steps.LADDER[route[1:]], answer).split()[0] not in ('Cold:', 'Warm:', 'Hot:', 'welcome!')
