"""A window on your boat: the arrow keys row it, and a turtle draws the way. New here: events.

The program does not wait for you. You tell the window which function to call when a key comes.
"""
import sys
import turtle

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat


def ask(route, **parameters):
    reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
    if reply.text.lstrip().startswith('<'):
        sys.exit('A web page came, not the game: does this network want a login?')
    if not reply.ok:
        print(reply.text)
    return reply


def move(heading, angle):
    """Row, and draw the way; the pen is up over the edge: there the other side begins."""
    boat.setheading(angle)
    reply = ask('move', id=my_id, heading=heading, steps=5)         # they take half a second
    if reply.ok:
        x, y, z = [float(number) for number in reply.text.split(',')]
        if abs(x - boat.xcor()) > 300 or abs(y - boat.ycor()) > 200:
            boat.penup()
        boat.goto(x, y)
        boat.pendown()
        screen.title(f'{NAME} at {x:g},{y:g}')


joined = ask('join', name=NAME, id=ID)
if not joined.ok:
    sys.exit(1)
my_id, name, x, y, z = joined.text.split(',')
print('your id is', my_id)

turtle.TurtleScreen._RUNNING = True                 # also when a window before this one was closed
screen = turtle.Screen()
screen.setup(920, 620)                              # half as wide again as high, like the ocean
screen.setworldcoordinates(0, 0, 600, 400)          # the ocean: x to the east, y to the north
boat = turtle.Turtle(shape='turtle', visible=False)
boat.penup()
boat.goto(float(x), float(y))
boat.showturtle()
boat.pendown()

KEYS = [('Right', 'east', 0), ('Up', 'north', 90), ('Left', 'west', 180), ('Down', 'south', 270)]
for key, heading, angle in KEYS:
    screen.onkey(lambda heading=heading, angle=angle: move(heading, angle), key)
screen.onkey(screen.bye, 'q')
screen.listen()
screen.mainloop()
