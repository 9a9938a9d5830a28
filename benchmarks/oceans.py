"""What several oceans and a front cost: calls a second, the longest wait, memory.

    python benchmarks/oceans.py [--rounds 3] [--seconds 2] [--oceans 1 4 16]

Needs wrk, nginx and openssl, no root, and a machine with nothing else to do. Side by side stand

    unit            each ocean as mocean.service starts it: uWSGI's own router, a port
    template        as mocean@.service starts it, but at a port (wrk knows no sockets): a worker alone, not for a club
    nginx http      the same at its socket, behind nginx with the project's front.conf, on a high port
    nginx https     the same by https

Each burst asks all oceans at once, with 16 connections in all; the ways take turns, so that a noisy moment hits all of
them. Printed are the medians of the rounds: calls a second, and the longest wait in ms. `anew` is health with a new
connection for each call, as requests.get has it, the others keep theirs. (Behind nginx. uWSGI always hangs up.)
"""
import argparse
import contextlib
import io
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
from conftest import UWSGI, Server, crowd, free_port, poll, unit_options, wait_for_room  # noqa: E402

import mocean  # noqa: E402

NGINX = shutil.which('nginx', path='/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin')
BOATS = 2000
CONNECTIONS = 16
LUA = '''
local ids, at, path = {}, 0, "%s"
for line in io.lines("%s") do ids[#ids + 1] = line end
request = function()
    at = at %% #ids + 1
    return wrk.format("GET", path .. "/move?heading=north&id=" .. ids[at])
end
'''
NGINX_CONF = '''
{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes auto;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/front.conf;
}}
'''
DOORS = '''
listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2;
ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
ssl_session_cache shared:mocean:1m; ssl_session_timeout 1h;
'''


class Ocean(Server):
    """As mocean@.service starts it: a worker that speaks HTTP at its door, a port or a socket."""

    def __init__(self, folder, door=None):
        options = unit_options('mocean@.service', ('--http-socket', '--wsgi-file', '--master-fifo'))
        super().__init__('mocean', folder, options)
        self.door = str(door or f'127.0.0.1:{self.port}')

    def start(self, wait=True):
        command = [UWSGI, '--http-socket', self.door, '--wsgi-file', str(ROOT / 'mocean.py'), '--chdir', str(ROOT),
                   '--home', sys.prefix, *self.options]
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env, start_new_session=True)
        poll(lambda: 'WSGI app 0' in self.log(), 30)
        return self


class Front:
    """nginx with the project's own front.conf, its places moved into a folder and its ports made high ones."""

    def __init__(self, folder):
        self.folder, self.http, self.https, self.process = folder, free_port(), free_port(), None

    def start(self):
        text = (ROOT / 'front.conf').read_text()
        for place, own in (('unix:/run/mocean-', f'unix:{self.folder}/'), ('/etc/nginx/mocean', str(self.folder)),
                           ('/etc/systemd/system/multi-user.target.wants/mocean@$ocean.service', str(self.folder)),
                           ('/var/log/nginx', str(self.folder))):
            assert place in text
            text = text.replace(place, own)
        (self.folder / 'front.conf').write_text(text)
        (self.folder / 'machines.map').write_text('')
        (self.folder / 'doors.conf').write_text(DOORS.format(**vars(self)))
        user = 'user root;' if os.geteuid() == 0 else ''         # else nobody, who may not look into the folder
        (self.folder / 'nginx.conf').write_text(NGINX_CONF.format(user=user, folder=self.folder))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-keyout', self.folder / 'key.pem', '-out', self.folder / 'cert.pem', '-days', '2',
                        '-subj', '/CN=localhost'], check=True, capture_output=True)
        self.process = subprocess.Popen([NGINX, '-c', self.folder / 'nginx.conf', '-p', self.folder],
                                        stderr=subprocess.DEVNULL)
        poll(self.up)
        return self

    def up(self):
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', self.https), 1):
            return True

    def kill(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


def memory_mb(pid):
    """What a process and those below it have for themselves, and their part of what they share."""
    task = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
    own = int(re.search(r'^Pss: +(\d+)', pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text(), re.MULTILINE)[1]) / 1024
    return own + sum(memory_mb(child) for child in task.read_text().split())


def burst(folder, addresses, case, seconds):
    """All addresses asked at once: calls a second, and the longest wait in ms."""
    wait_for_room()
    each = max(1, CONNECTIONS // len(addresses))
    asking = []
    for number, address in enumerate(addresses):
        command = ['wrk', '-t1', f'-c{each}', f'-d{seconds}s', '--timeout', '30s']
        if case == 'move':
            script = folder / f'{number}.lua'
            script.write_text(LUA % ('/' + address.partition('//')[2].partition('/')[2], folder / 'ids'))
            command += ['-s', script]
        elif case == 'anew':
            command += ['-H', 'Connection: close']
        command.append(f'{address}/health')
        asking.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    told = [one.communicate()[0] for one in asking]
    assert not any('Non-2xx' in text for text in told), told
    longest = [float(number) * {'us': 0.001, 'ms': 1, 's': 1000}[unit] for text in told
               for number, unit in re.findall(r'Latency +\S+ +\S+ +([\d.]+)(us|ms|s)', text)]
    return sum(float(re.search(r'Requests/sec: +([\d.]+)', text)[1]) for text in told), max(longest)


def serve(folder, oceans, stack):
    """All the ways, up at once: the addresses of each; and what the memory is."""
    def begin(server):
        stack.callback(server.kill)
        return server.start()

    with contextlib.redirect_stderr(io.StringIO()):              # the log
        (folder / 'first').mkdir()
        ids = crowd(folder / 'first', BOATS, over=(mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS))
        (folder / 'ids').write_text('\n'.join(ids))
    crews = {}
    for way, kind in ('unit', lambda place: Server('mocean', place)), ('template', Ocean), (
            'nginx', lambda place: Ocean(place, folder / f'{place.name}.sock')):
        crews[way] = []
        for number in range(oceans):
            place = folder / f'{way}{chr(ord("a") + number)}'
            shutil.copytree(folder / 'first', place)
            crews[way].append(begin(kind(place)))
    front = begin(Front(folder))
    ways = {way: [server.url for server in crews[way]] for way in ('unit', 'template')}
    for scheme, port in ('http', front.http), ('https', front.https):
        ways[f'nginx {scheme}'] = [f'{scheme}://127.0.0.1:{port}/{server.folder.name}' for server in crews['nginx']]
    return ways, crews, front


def measure(oceans, rounds, seconds):
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        ways, crews, front = serve(folder, oceans, stack)
        measured = {}
        for number in range(rounds + 1):                         # the first round warms up
            for case in 'health', 'move', 'anew':
                for way, addresses in ways.items():
                    result = burst(folder, addresses, case, seconds if number else 1)
                    measured.setdefault((case, way), []).extend([result] if number else [])
        for (case, way), results in measured.items():
            rate, longest = (statistics.median(column) for column in zip(*results, strict=True))
            print(f'{oceans:6}  {case:8}{way:14}{rate:8.0f}  {longest:8.0f}')
        for way, servers in crews.items():
            each_mb = sum(memory_mb(server.process.pid) for server in servers) / oceans
            print(f'{oceans:6}  memory  {way:14}{each_mb:8.0f} MB an ocean')
        print(f'{oceans:6}  memory  nginx itself  {memory_mb(front.process.pid):8.0f} MB')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=int, default=2)
    parser.add_argument('--oceans', type=int, nargs='+', default=[1, 4, 16])
    arguments = parser.parse_args()
    print('oceans  case    way            calls/s  worst ms')
    for oceans in arguments.oceans:
        measure(oceans, arguments.rounds, arguments.seconds)


if __name__ == '__main__':
    main()
