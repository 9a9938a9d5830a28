"""A window on your boat: the arrow keys row it, and a turtle draws the way. New here: events.

The program does not wait for you. You tell the window which function to call when a key comes.
"""
import sys
import turtle

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 else 'http://localhost:8080'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat


def ask(route, **parameters):
    reply = requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)
    if not reply.ok:
        print(reply.text)
    return reply


def go_to(x, y):
    """Draw the way, with the pen up over the edge of the chart: there the other side begins."""
    if abs(x - boat.xcor()) > 300 or abs(y - boat.ycor()) > 200:
        boat.penup()
    boat.goto(x, y)
    boat.pendown()


def move(heading, angle):
    boat.setheading(angle)
    reply = ask('move', id=my_id, heading=heading, steps=5)         # they take half a second
    if reply.ok:
        x, y, z = reply.text.split(',')
        go_to(float(x), float(y))
        screen.title(f'{NAME} at {x},{y}')


joined = ask('join', name=NAME, id=ID)
if not joined.ok:
    sys.exit(1)
my_id, name, x, y, z = joined.text.split(',')
print('your id is', my_id)

screen = turtle.Screen()
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
