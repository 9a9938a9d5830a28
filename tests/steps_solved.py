"""Solutions of the ladder, for the tests only. Whoever plays should not read on."""
import math

ANSWERS = {'/steps': 'passport', '/puzzle': 'leaf', '/problem': '32', '/begin': '101', '/beguine': '987',
           '/sirduke': 'wigs', '/euler': '50005000', '/meruprastarah': '1,5,10,10,5,1'}


def trade(say, name=''):
    """A hundred sums: each answer is the next question."""
    reply = say(f'/exchange?message=begin&name={name}')
    while reply[0].isdigit():
        a, b, sign = reply.split(',')
        reply = say(f'/exchange?message={int(a) + int(b)}&sign={sign}&name={name}')
    return reply


def cross_the_pond(say, name='', start='0,0,180'):
    """Keep opposite the wolf while the circle is so small that the duck turns faster, then straight out.

    Returns the number of calls and the last reply.
    """
    location, sign, calls = start, '', 0
    while calls < 212:
        calls += 1
        reply = say(f'/duck?location={location}&destination={plan(*map(float, location.split(",")))}'
                    f'&sign={sign}&name={name}')
        if reply.count(',') != 3:
            break
        location, _, sign = reply.rpartition(',')
    return calls, reply


def plan(r, a, b):
    """Where to go, as r,a: a metre away, on the ray opposite the wolf; past 12.3 m (the limit is 50 / 4) ashore."""
    if r > 12.3:
        return f'50,{a}'
    turn = math.radians(b + 180 - a)
    room = 1 - (r * math.sin(turn)) ** 2
    return f'{r * math.cos(turn) + math.sqrt(max(room, 0))},{(b + 360) % 360 - 180}'
