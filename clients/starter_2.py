"""Your second program in Mocean: a loop and a function."""
import sys

import requests

# ----- filled in by the server -----
SERVER = 'http://localhost:8080'
ID = 'your-id'
TASK = 'make ten moves, one after the other, evenly: let a loop do it'
# -----------------------------------


def ask(route, **parameters):
    """ask('move', heading='north') asks the server for /move?id=...&heading=north"""
    reply = requests.get(f'{SERVER}/{route}', params={'id': ID, **parameters}, timeout=10)
    if reply.text.lstrip().startswith('<'):
        sys.exit('A web page came, not the game: does this network want a login?')
    print(route, '->', reply.text)
    return reply.text


print('Your quest when you got this program:', TASK)

for number in range(1, 11):
    print(number, end=' ')
    ask('move', heading='north')
ask('look')                  # kind,name,x,y,z,distance: what you can see from here
ask('ping')                  # how deep it is

# Now you: row a square. Then: row until `look` shows a treasure.
