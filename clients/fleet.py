"""Two boats at once, a thread for each. New here: threads, and a lock for what they share.

Both take soundings. Together they keep one list; the lock lets only one of them write at a time.
"""
import sys
import threading
import time

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
FLEET = [('castor', '', 'east'),                     # your own name, the id of this boat after
         ('pollux', '', 'north')]                    # the first run, and where it is going
MEASURES = 10                                        # soundings of each boat

soundings = []
lock = threading.Lock()


def ask(route, **parameters):
    """Ask; when the server says that it is too early, wait as long as it says and ask again."""
    parameters['format'] = 'json'
    while True:
        reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
        if reply.text.lstrip().startswith('<'):
            print('A web page came, not the game: does this network want a login?')
            sys.exit(1)
        answer = reply.json()
        if 'wait_s' not in answer:           # 429: too early; 503: the captain has frozen the sea
            break
        time.sleep(answer['wait_s'])
    if not reply.ok:
        print(answer['error'])
        sys.exit(1)                                  # this ends the thread, and with it this boat
    return answer


def sail(name, id, heading):
    """What one boat does from beginning to end. Two of these run side by side."""
    boat = ask('join', name=name, id=id)
    with lock:
        print('the id of', name, 'is', boat['id'])
    for _ in range(MEASURES):
        depth = ask('ping', id=boat['id'])['depth']
        with lock:
            soundings.append((name, boat['x'], boat['y'], depth))
            print(f'{name} at {boat["x"]},{boat["y"]}: {depth} metres,',
                  len(soundings), 'soundings together')
        boat.update(ask('move', id=boat['id'], heading=heading, steps=10))


threads = [threading.Thread(target=sail, args=boat) for boat in FLEET]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

print('The deepest place:', max(soundings, key=lambda sounding: sounding[3], default=None))
