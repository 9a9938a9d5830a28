"""turtle for the browser: it draws into the page beside your program.

    SCREEN    the drawing as a whole: its measures, colours, keys, clicks, timers
    TURTLE    an animal with a pen
    MODULE    turtle.forward(10) moves a turtle that nobody had to make

The page draws: each stroke goes to it as a list, `['line', x, y, x, y, colour, width]`, all in the
turtle's own measures.
"""
import json
import math
import time

import browser
from js import host
from pyodide.ffi import can_run_sync


class Terminator(Exception):
    """The window is closed."""


class TurtleGraphicsError(Exception):
    pass


def send(*strokes):
    host.draw(json.dumps(strokes))


def colour(words, full):
    """A name, '#rrggbb', three numbers or a tuple of three; the brightest number is `full`."""
    value = words[0] if len(words) == 1 else words
    if isinstance(value, str):
        return value
    return '#' + ''.join(f'{round(255 * part / full):02x}' for part in value)


class Vec2D(tuple):
    def __new__(cls, x, y):
        return tuple.__new__(cls, (x, y))

    def __add__(self, other):
        return Vec2D(self[0] + other[0], self[1] + other[1])

    def __sub__(self, other):
        return Vec2D(self[0] - other[0], self[1] - other[1])

    def __abs__(self):
        return math.hypot(*self)

    def __repr__(self):
        return f'({self[0]:.2f},{self[1]:.2f})'


# --- SCREEN --------------------------------------------------------------------------------------

class _Screen:
    def __init__(self):
        self.on_key, self.on_click, self.timers, self.turtles = {}, None, [], []
        self.open, self.listening, self.animated, self.full = True, False, True, 1.0
        send(['clear', 'all'])

    def setworldcoordinates(self, llx, lly, urx, ury):
        send(['world', llx, lly, urx, ury])

    def setup(self, width=600, height=400, startx=None, starty=None):
        if width > 1 and height > 1:           # 0.5: half of the monitor, and that the page decides
            send(['world', -width / 2, -height / 2, width / 2, height / 2])

    def screensize(self, canvwidth=None, canvheight=None, bg=None):
        return 600, 400

    def window_width(self):
        return 600

    def window_height(self):
        return 400

    def title(self, text):
        send(['title', str(text)])

    def bgcolor(self, *words):
        if words:
            send(['ground', colour(words, self.full)])

    def colormode(self, full=None):
        self.full = full or self.full
        return self.full

    def tracer(self, n=None, delay=None):
        if n is not None:
            self.animated = bool(n)

    def delay(self, delay=None):
        pass

    def update(self):
        browser.sleep(0)

    def clear(self):
        send(['clear', 'all'])
    clearscreen = reset = resetscreen = clear

    def listen(self, xdummy=None, ydummy=None):
        self.listening = True
        send(['listen'])

    def onkey(self, fun, key):
        self.on_key[key] = fun
    onkeyrelease = onkey

    def onkeypress(self, fun, key=None):
        self.on_key[key] = fun

    def onclick(self, fun, btn=1, add=None):
        self.on_click = fun
    onscreenclick = onclick

    def ontimer(self, fun, t=0):
        self.timers.append((time.monotonic() + t / 1000, fun))

    def textinput(self, title, prompt):
        try:
            return input(f'{title}: {prompt} ')
        except EOFError:
            return None

    def numinput(self, title, prompt, default=None, minval=None, maxval=None):
        while True:
            answer = self.textinput(title, prompt)
            if not answer:
                return default
            try:
                number = float(answer)
            except ValueError:
                continue
            if (minval is None or number >= minval) and (maxval is None or number <= maxval):
                return number

    def bye(self):
        self.open = False

    def exitonclick(self):
        self.onclick(lambda x, y: self.bye())
        self.mainloop()

    def mainloop(self):
        """Call the functions that the program has named, when their key, click or time comes."""
        while self.open:
            self.call_timers()
            if self.open:
                self.call_for(self.next_event())
    done = mainloop

    def call_timers(self):
        now = time.monotonic()
        due = [fun for when, fun in self.timers if when <= now]
        self.timers = [timer for timer in self.timers if timer[0] > now]
        for fun in due:
            fun()

    def next_event(self):
        wait_s = min((when for when, _ in self.timers), default=math.inf) - time.monotonic()
        wait_ms = min(max(wait_s, 0), 3600) * 1000
        told = browser.wait(host.event(wait_ms)) if can_run_sync() else host.event_here(wait_ms)
        return (json.loads(told) if isinstance(told, str) else told) if told else ['nothing']

    def call_for(self, event):
        kind, *what = event
        if kind == 'key' and self.listening:
            fun = self.on_key.get(what[0]) or self.on_key.get(None)
            if fun:
                fun()
        if kind == 'click':
            hit = [animal.on_click for animal in self.turtles if animal.distance(*what) < 12]
            fun = next(filter(None, hit), self.on_click)
            if fun:
                fun(*what)


TurtleScreen = _Screen         # its name in Python's own turtle


class _Only:
    screen = None


def Screen():
    _Only.screen = _Only.screen or _Screen()
    return _Only.screen


# --- TURTLE --------------------------------------------------------------------------------------

class Turtle:
    PAUSES_S = 0, .0025, .005, .0075, .01, .015, .02, .03, .04, .06, .08     # at speed 0, 10, ... 1

    def __init__(self, shape='classic', undobuffersize=0, visible=True):
        self.screen = Screen()
        self.screen.turtles.append(self)
        self.number = len(self.screen.turtles)
        self.place, self.angle, self.turn = Vec2D(0.0, 0.0), 0.0, 360
        self.pen_is_down, self.visible, self.thick, self.form = True, visible, 1, shape
        self.ink, self.paint, self.corners = 'black', 'black', None
        self.pace, self.size, self.on_click = 3, 1, None
        self.show()

    def show(self, *strokes):
        """Send the strokes, and where the turtle is now."""
        look = self.ink, self.paint, self.form, self.size
        send(*strokes, ['turtle', self.number, *self.place, self.angle, self.visible, *look])
        if strokes and self.screen.animated and self.pace:
            browser.sleep(self.PAUSES_S[11 - self.pace])

    # going

    def goto(self, x, y=None):
        end = Vec2D(*map(float, x if y is None else (x, y)))
        strokes = [['gone']]
        if self.pen_is_down:
            strokes = [['line', *self.place, *end, self.ink, self.thick]]
        self.place = end
        if self.corners is not None:
            self.corners.append(end)
        self.show(*strokes)
    setpos = setposition = goto

    def teleport(self, x=None, y=None, *, fill_gap=False):
        self.place = Vec2D(self.place[0] if x is None else x, self.place[1] if y is None else y)
        self.show()

    def setx(self, x):
        self.goto(x, self.place[1])

    def sety(self, y):
        self.goto(self.place[0], y)

    def forward(self, distance):
        angle = math.radians(self.angle)
        self.goto(self.place + Vec2D(distance * math.cos(angle), distance * math.sin(angle)))
    fd = forward

    def back(self, distance):
        self.forward(-distance)
    bk = backward = back

    def home(self):
        self.goto(0, 0)
        self.setheading(0)

    def circle(self, radius, extent=None, steps=None):
        extent = 360 if extent is None else extent * 360 / self.turn
        steps = steps or 1 + int(min(11 + abs(radius) / 6, 59) * abs(extent) / 360)
        turn = extent / steps if radius >= 0 else -extent / steps
        side = 2 * abs(radius) * math.sin(math.radians(extent / steps) / 2)
        self.angle += turn / 2
        for _ in range(steps):
            self.forward(side)
            self.angle = (self.angle + turn) % 360
        self.angle = (self.angle - turn / 2) % 360
        self.show()

    # turning

    def left(self, angle):
        self.angle = (self.angle + angle * 360 / self.turn) % 360
        self.show()
    lt = left

    def right(self, angle):
        self.left(-angle)
    rt = right

    def setheading(self, angle):
        self.angle = angle * 360 / self.turn % 360
        self.show()
    seth = setheading

    def heading(self):
        return self.angle * self.turn / 360

    def radians(self):
        self.turn = 2 * math.pi

    def degrees(self, fullcircle=360):
        self.turn = fullcircle

    # the pen

    def penup(self):
        self.pen_is_down = False
    pu = up = penup

    def pendown(self):
        self.pen_is_down = True
    pd = down = pendown

    def isdown(self):
        return self.pen_is_down

    def pensize(self, width=None):
        self.thick = self.thick if width is None else width
        return self.thick
    width = pensize

    def color(self, *words):
        if words:
            pair = words if len(words) == 2 else (words, words)
            self.ink, self.paint = (
                colour(one if isinstance(one, tuple) else (one,), self.screen.full) for one in pair)
            self.show()
        return self.ink, self.paint

    def pencolor(self, *words):
        if words:
            self.ink = colour(words, self.screen.full)
            self.show()
        return self.ink

    def fillcolor(self, *words):
        if words:
            self.paint = colour(words, self.screen.full)
            self.show()
        return self.paint

    def begin_fill(self):
        self.corners = [self.place]

    def end_fill(self):
        if self.corners:
            self.show(['fill', self.corners, self.paint])
        self.corners = None

    def filling(self):
        return self.corners is not None

    def dot(self, size=None, *words):
        ink = colour(words, self.screen.full) if words else self.ink
        self.show(['dot', *self.place, size or max(self.thick + 4, 2 * self.thick), ink])

    def stamp(self):
        self.show(['stamp', *self.place, self.angle, self.ink, self.paint, self.form, self.size])

    def write(self, arg, move=False, align='left', font=('Arial', 8, 'normal')):
        self.show(['text', *self.place, str(arg), align, font[1], self.ink])

    def clear(self):
        send(['clear', 'drawing'])

    def reset(self):
        self.clear()
        self.place, self.angle, self.pen_is_down = Vec2D(0.0, 0.0), 0.0, True
        self.show()

    # the animal

    def showturtle(self):
        self.visible = True
        self.show()
    st = showturtle

    def hideturtle(self):
        self.visible = False
        self.show()
    ht = hideturtle

    def isvisible(self):
        return self.visible

    def speed(self, speed=None):
        names = {'fastest': 0, 'fast': 10, 'normal': 6, 'slow': 3, 'slowest': 1}
        if speed is None:
            return self.pace
        speed = names.get(speed, speed)
        self.pace = round(speed) if 0.5 < speed < 10.5 else 0

    def shape(self, name=None):
        self.form = name or self.form
        self.show()
        return self.form

    def shapesize(self, stretch_wid=None, stretch_len=None, outline=None):
        self.size = stretch_wid or stretch_len or self.size
        self.show()
    turtlesize = shapesize

    def onclick(self, fun, btn=1, add=None):
        self.on_click = fun

    def getscreen(self):
        return self.screen

    # asking

    def pos(self):
        return self.place
    position = pos

    def xcor(self):
        return self.place[0]

    def ycor(self):
        return self.place[1]

    def distance(self, x, y=None):
        return abs(self.there(x, y) - self.place)

    def towards(self, x, y=None):
        dx, dy = self.there(x, y) - self.place
        return math.degrees(math.atan2(dy, dx)) % 360 * self.turn / 360

    @staticmethod
    def there(x, y):
        return x.place if isinstance(x, Turtle) else Vec2D(*(x if y is None else (x, y)))


Pen = RawTurtle = RawPen = Turtle


# --- MODULE --------------------------------------------------------------------------------------

class _Nobody:
    turtle = None


def _anybody():
    """The turtle that is there for whoever made none."""
    _Nobody.turtle = _Nobody.turtle or Turtle()
    return _Nobody.turtle


def _lend(name, owner):
    """turtle.forward(10): the method, as a function of the module."""
    def function(*values, **named):
        return getattr(owner(), name)(*values, **named)
    function.__name__ = name
    globals()[name] = function


for _name in dir(_Screen):
    if not _name.startswith('_'):
        _lend(_name, Screen)
for _name in dir(Turtle):
    if _name[0].islower() and _name not in ('show', 'there'):
        _lend(_name, _anybody)

_OURS = ('browser', 'can_run_sync', 'host', 'json', 'math', 'send', 'time')
__all__ = [_name for _name in globals() if not _name.startswith('_') and _name not in _OURS]
