"""Your third program in Mocean: a robot. It looks, decides, acts; `decide` is yours to improve."""
import sys
import time

import requests

# ----- filled in by the server -----
SERVER = 'http://localhost:8080'
ID = 'your-id'
TASK = 'look, then row to a treasure that you saw, dive to it, and get it'
# -----------------------------------
ROUNDS = 20


def ask(route, **parameters):
    """The answer as a dictionary. When it is too early, wait as long as told, and ask again."""
    parameters.update(id=ID, format='json')
    while True:
        reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
        if reply.text.lstrip().startswith('<'):
            sys.exit('A web page came, not the game: does this network want a login?')
        answer = reply.json()
        if 'wait_s' not in answer:           # 429: too early; 503: the captain has frozen the sea
            break
        time.sleep(answer['wait_s'])
    if 'error' in answer:
        print(answer['error'], '\ntry:', answer['try'])
    return answer


def decide(here, things):
    """Where to go next. `here` has x, y, z; each thing has kind, name, x, y, z, distance."""
    # Now you: this robot always goes east. Let it go towards the nearest treasure instead.
    # Mind the edge: at x 599 the ocean goes on with x 0. The short way may lead across.
    return 'east'


print('Your quest when you got this program:', TASK)
for number in range(ROUNDS):
    here = ask('location')
    if 'error' in here:
        break
    things = ask('look')['things']
    heading = decide(here, things)
    print(f'{number + 1}: at {here["x"]},{here["y"]} I see {len(things)} things and go {heading}')
    ask('ping')
    ask('move', heading=heading, steps=10)
