"""Programs as learners write them, and what each must print in a browser.

What is printed is compared word for word; where it begins with ~, the rest is a regular expression. A line of `typed`
is typed when the program asks for it; None is the end of the input. The programs of the `heart` are also tried in
Firefox, and in browsers that cannot set Python's stack aside.
"""
from typing import NamedTuple

from conftest import ROOT


class Case(NamedTuple):
    name: str
    source: str
    printed: str
    typed: tuple = ()
    heart: bool = False


CASES = []


def case(name, source, printed, typed=(), heart=False):
    CASES.append(Case(name, source.strip('\n'), printed, typed, heart))


# --- print, and what Python can do by itself
case('print', '''
print("hello", 1 + 1)
''', 'hello 2\n', heart=True)
case('print_end', '''
for i in range(3): print(i, end=" ")
print()
''', '0 1 2 \n')
case('print_more', '''
print(*"abc", sep="-"); print("ü€😀"); print()
''', 'a-b-c\nü€😀\n\n', heart=True)
case('print_much', '''
for i in range(20000): print(i)
''', r'~.*19998\n19999\n$')
case('progress', '''
import time
for i in range(3):
    print(f"\\r{i} done", end="")
    time.sleep(.06)
print()
''', '2 done\n')
case('version', '''
import sys
print(sys.version_info >= (3, 14), sys.argv[0], __name__)
''', 'True mine.py __main__\n', heart=True)
case('libraries', '''
import calendar, collections, csv, dataclasses, datetime, decimal, enum, fractions, heapq, itertools, json
import math, pathlib, pprint, re, statistics, string, textwrap, typing
print(math.isqrt(50), statistics.mean([1, 2, 6]), json.dumps({"a": [1, None]}))
''', '7 3 {"a": [1, null]}\n')
case('class', '''
from dataclasses import dataclass
@dataclass
class Boat:
    x: int = 0
    def row(self): self.x += 1
b = Boat(); b.row(); print(b)
''', 'Boat(x=1)\n')
case('file', '''
with open("log.csv", "w") as f: f.write("1,2\\n3,4\\n")
import csv
print(list(csv.reader(open("log.csv"))))
''', "[['1', '2'], ['3', '4']]\n", heart=True)
case('own_module', '''
open("helper.py", "w").write("def twice(x): return 2 * x\\n")
import helper; print(helper.twice(21))
''', '42\n')
case('own_module_anew', '''
open("helper.py", "w").write("def twice(x): return 20 * x\\n")
import helper; print(helper.twice(21))
''', '420\n')
case('dice', '''
import random
random.seed(5)
print(random.randint(1, 6) in range(1, 7))
''', 'True\n')
case('exit', '''
import sys
print("a")
sys.exit("bye")
print("never")
''', 'a\nbye\n', heart=True)
case('exit_plain', '''
print("a"); exit(); print("never")
''', 'a\n')
case('at_exit', '''
import atexit
atexit.register(print, "bye")
print("hello")
''', 'hello\nbye\n')
case('recursion', '''
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
print(depth(900))
''', '900\n')
case('no_bottom', '''
def f(n): return f(n + 1)
try: f(0)
except RecursionError: print("too deep")
''', 'too deep\n', heart=True)

# --- sleep
case('sleep', '''
import time
t = time.monotonic()
time.sleep(.2)
print(time.monotonic() - t >= .19)
''', 'True\n', heart=True)
case('sleep_by_name', '''
from time import sleep
sleep(.01); print("ok")
''', 'ok\n', heart=True)
case('sleep_in_loops', '''
import time
def a(n): return [b(i) for i in range(n)]
def b(n):
    for i in range(2): time.sleep(.01)
    return n
print(a(3), sum(b(i) for i in range(3)))
''', '[0, 1, 2] 3\n', heart=True)
case('sleep_in_callbacks', '''
import re, time
def key(x):
    time.sleep(.01); return -x
def letter(found):
    time.sleep(.01); return "o"
print(sorted([1, 2, 3], key=key), max([1, 5, 2], key=key), list(map(key, [1, 2])), re.sub("a", letter, "banana"))
''', '[3, 2, 1] 1 [-1, -2] bonono\n')
case('sleep_in_dunders', '''
import time
class B:
    def __len__(self): time.sleep(.01); return 7
    def __str__(self): time.sleep(.01); return "B"
    def __getattr__(self, name): time.sleep(.01); return name
    def __enter__(self): time.sleep(.01); return self
    def __exit__(self, *a): time.sleep(.01)
with B() as b: print(len(b), str(b), f"{b}", b.sea)
''', '7 B B sea\n')
case('sleep_in_generator', '''
import time
def g():
    for i in range(3):
        time.sleep(.01); yield i
print(list(g()), [*zip(g(), g())])
''', '[0, 1, 2] [(0, 0), (1, 1), (2, 2)]\n')
case('sleep_deep', '''
import time
def r(n):
    if n == 0: time.sleep(.02); return 0
    return 1 + r(n - 1)
print(r(900))
''', '900\n')
case('sleep_backwards', '''
import time
try: time.sleep(-1)
except ValueError as e: print(e)
''', 'sleep length must be non-negative\n')
case('asyncio', '''
import asyncio
async def one(n):
    await asyncio.sleep(.02); return n
async def main():
    return await asyncio.gather(one(1), one(2))
print(asyncio.run(main()))
''', '[1, 2]\n')

# --- input
case('input', '''
name = input("name? ")
print("hello", name)
while (key := input("> ")) != "q": print("got", key)
''', 'name? ada\nhello ada\n> n\ngot n\n> \ngot \n> q\n', typed=('ada', 'n', '', 'q'), heart=True)
case('input_numbers', '''
print(int(input()) + int(input()))
''', '2\n40\n42\n', typed=('2', '40'))
case('input_as_key', '''
print(sorted([1, 2, 3], key=lambda x: input(f"{x}? ")))
''', '1? c\n2? b\n3? a\n[3, 2, 1]\n', typed=('c', 'b', 'a'))
case('input_ends', '''
try: input("x")
except EOFError as e: print("end")
''', 'x^D\nend\n', typed=(None,))
case('stdin', '''
import sys
print(repr(sys.stdin.readline()), [line.strip() for line in sys.stdin])
''', "zz\na\nb\n^D\n'zz\\n' ['a', 'b']\n", typed=('zz', 'a', 'b', None))

# --- errors
case('name_error', '''
def f():
    return nmae
f()
''', '''\
Traceback (most recent call last):
  File "mine.py", line 3, in <module>
    f()
    ~^^
  File "mine.py", line 2, in f
    return nmae
           ^^^^
NameError: name 'nmae' is not defined
''', heart=True)
case('syntax_error', '''
print("a"
x = 1
''', '~  File "mine.py", line 1\n.*SyntaxError: \'\\(\' was never closed\n$')
case('indentation', '''
if True:
print(1)
''', r'~  File "mine.py", line 2\n.*IndentationError: expected an indented block.*\n$')
case('error_in_library', '''
import json
json.loads("{bad")
''', (
    r'~Traceback .*\n  File "mine.py", line 2, in <module>\n    json.loads.*\n(?!.*File)'
    r'json.decoder.JSONDecodeError: .*\n$'))
case('cause', '''
try:
    1 / 0
except ZeroDivisionError:
    int("x")
''', r'~ZeroDivisionError: division by zero\n\nDuring handling.*line 4.*ValueError')
case('group', '''
raise ExceptionGroup("two", [ValueError(1), KeyError(2)])
''', r'~ExceptionGroup: two \(2 sub-exceptions\).*ValueError: 1.*KeyError: 2')
case('finally', '''
try:
    try: 1 / 0
    finally: print("finally")
except ZeroDivisionError: print("caught")
''', 'finally\ncaught\n')

# --- threads (only where Python's stack can be set aside)
case('thread', '''
import threading, time
def work(n):
    time.sleep(.02 * n); print("done", n)
threads = [threading.Thread(target=work, args=(n,)) for n in (2, 1)]
for t in threads: t.start()
for t in threads: t.join()
print("end")
''', 'done 1\ndone 2\nend\n')
case('thread_alone', '''
import threading, time
threading.Thread(target=lambda: (time.sleep(.05), print("late"))).start()
print("early")
''', 'early\nlate\n')
case('lock', '''
import threading, time
lock, n = threading.Lock(), 0
def add():
    global n
    for _ in range(3):
        with lock:
            old = n; time.sleep(.005); n = old + 1
ts = [threading.Thread(target=add) for _ in range(3)]
for t in ts: t.start()
for t in ts: t.join()
print(n)
''', '9\n')
case('event', '''
import threading, time
e = threading.Event()
threading.Timer(.05, e.set).start()
print(e.wait(5), threading.Event().wait(.02))
''', 'True False\n')
case('queue', '''
import queue, threading, time
q = queue.Queue()
def work():
    while (n := q.get()) is not None: print("got", n)
t = threading.Thread(target=work); t.start()
for n in (1, 2, None): q.put(n); time.sleep(.02)
t.join()
try: q.get(timeout=.02)
except queue.Empty: print("empty")
''', 'got 1\ngot 2\nempty\n')
case('pool', '''
from concurrent.futures import ThreadPoolExecutor
import time
with ThreadPoolExecutor(3) as pool: print(list(pool.map(lambda n: (time.sleep(.01), n * n)[1], range(5))))
''', '[0, 1, 4, 9, 16]\n')
case('thread_fails', '''
import threading
t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); print("on")
''', r'~Exception in thread Thread-.*ZeroDivisionError: division by zero\non\n$')

# --- requests
case('get', '''
import sys, time, requests
SERVER = sys.argv[1]
r = requests.get(f"{SERVER}/health", timeout=10)
print(r, r.ok, r.status_code, r.text.split(",")[0], r.headers["content-type"], r.reason, r.encoding,
      r.elapsed.total_seconds() > 0)
''', '<Response [200]> True 200 ok text/plain; charset=utf-8 OK utf-8 True\n', heart=True)
case('get_json', '''
import sys, time, requests
SERVER = sys.argv[1]
r = requests.get(f"{SERVER}/health", params={"format": "json", "none": None}, timeout=10)
print(r.json()["state"], r.url.endswith("/health?format=json"))
''', 'ok True\n', heart=True)
case('localhost', '''
import requests
print(requests.get("http://localhost:8080/health").ok)
''', 'True\n', heart=True)
case('letters', '''
import sys, time, requests
SERVER = sys.argv[1]
r = requests.get(f"{SERVER}/steps", params={"message": "ü & ?"})
print(r.text)
''', r'~.*ü & \?', heart=True)
case('refused', '''
import sys, time, requests
SERVER = sys.argv[1]
r = requests.get(f"{SERVER}/move", params={"id": "aaaaaaaa", "heading": "n"})
print(r.ok, r.status_code, bool(r))
try: r.raise_for_status()
except requests.HTTPError as e: print(type(e).__name__, e.response.status_code, "Client Error" in str(e))
''', r'~False 404 False\nHTTPError 404 True\n', heart=True)
case('nobody', '''
import requests
try: requests.get("http://club.test:9/x", timeout=5)
except requests.exceptions.ConnectionError as e:
    print("nobody answers" in str(e), isinstance(e, requests.RequestException), isinstance(e, OSError))
''', 'True True True\n', heart=True)
case('addresses', '''
import requests
for address in ("club.test/x", "htp://club.test", "http:///x", "localhost:8080/x"):
    try: requests.get(address)
    except ValueError as e: print(type(e).__name__, e)
''', '''\
MissingSchema Invalid URL 'club.test/x': No scheme supplied. Perhaps you meant https://club.test/x?
InvalidSchema No connection adapters were found for 'htp://club.test'
InvalidURL Invalid URL 'http:///x': No host supplied
InvalidSchema No connection adapters were found for 'localhost:8080/x'
''')
case('bad_json', '''
import sys, time, requests
SERVER = sys.argv[1]
try: requests.get(SERVER + "/who").json()
except requests.exceptions.JSONDecodeError as e: print(isinstance(e, ValueError))
''', 'True\n')
case('post', '''
import sys, time, requests
SERVER = sys.argv[1]
r = requests.post(SERVER + "/health")
print(r.status_code, "only GET" in r.text)
''', '405 True\n')
case('session', '''
import sys, time, requests
SERVER = sys.argv[1]
with requests.Session() as s:
    s.params = {"format": "json"}
    print(s.get(SERVER + "/health", timeout=5).json()["state"])
''', 'ok\n')
case('lines', '''
import sys, time, requests
SERVER = sys.argv[1]
r = requests.get(SERVER + "/clients/steps_1.py", stream=True)
print(len(list(r.iter_lines())), requests.codes.ok, requests.utils.quote("a b"))
''', f'{len((ROOT / "clients/steps_1.py").read_text().splitlines())} 200 a%20b\n')
case('get_as_key', '''
import sys, time, requests
SERVER = sys.argv[1]
f = lambda n: requests.get(f"{SERVER}/health").ok and -n
print(sorted([1, 2, 3], key=f))
''', '[3, 2, 1]\n')

# --- turtle
case('turtle', '''
import turtle
t = turtle.Turtle(); t.speed(0)
for _ in range(4): t.forward(100); t.left(90)
print(abs(t.pos()) < 1e-9, t.heading(), round(t.distance(3, 4), 9), round(t.towards(0, 5), 9))
''', 'True 0.0 5.0 90.0\n')
case('turtle_plain', '''
from turtle import *
speed(0)
color("red", "blue")
begin_fill()
circle(50)
end_fill()
dot(5)
write("sea")
penup()
goto(10, 20)
stamp()
hideturtle()
print(xcor(), ycor(), isdown(), pencolor(), fillcolor())
''', '10.0 20.0 False red blue\n')
case('turtle_timer', '''
import turtle
s = turtle.Screen(); s.ontimer(lambda: (print("now"), s.bye()), 30); s.mainloop(); print("closed")
''', 'now\nclosed\n')


HEART = [case for case in CASES if case.heart]
