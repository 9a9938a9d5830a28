"""A class of thirty for the captain's deck: most of them work, and some have the troubles that a class has."""
import contextlib
import http.client
import threading
import urllib.parse

NAMES = ['Ada', 'Grace', 'Linus', 'Hedy', 'Kofi', 'Mei', 'Tomás', 'Noor', 'Björk', 'Ravi', 'Lena', 'Omar', 'Ines',
         'Jonas', 'Yuki', 'Amara', 'Felix', 'Zoë', 'Ivan', 'Priya', 'Malik', 'Sofia', 'Emil', 'Aisha', 'Luca', 'Nina']
RUDE = 'Stinkfish'


class Class:
    """Thirty programs, each a thread, until `end`. What an answer was other than expected is in `wrong`."""

    def __init__(self, server, order):
        self.server, self.order, self.ended, self.wrong = server, order, threading.Event(), []
        order('enlist', names=','.join([*NAMES, 'Typo', 'Idler', 'Flood', 'Twin']))
        roster = {line.split('"name": "')[1].split('"')[0] for line in order('roster', format='json').split('{')[2:]}
        assert len(roster) == 30
        cards = order('cards')
        self.ids = {}
        for piece in cards.split('<h2>')[1:]:
            self.ids[piece.split('</h2>')[0]] = piece.split('class="id">')[1].split('<')[0]
        self.threads = [threading.Thread(target=self.work, args=(name, number)) for number, name in enumerate(NAMES)]
        self.threads += [threading.Thread(target=self.repeat, args=(path, pause)) for path, pause in (
            (f'/move?id={self.ids["Typo"]}&heading=nroth', 0.5),
            *3 * [(f'/move?id={self.ids["Flood"]}&heading=n&steps=10', 0)],
            *2 * [(f'/move?id={self.ids["Twin"]}&heading=s&steps=9', 0.4)])]
        for thread in self.threads:
            thread.start()

    def say(self, path, headers=None):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.server.say(path, headers=headers)

    def repeat(self, path, pause):
        while not self.ended.wait(pause):
            self.say(path)

    def work(self, name, number):
        """A program that does what one should: look, ping, move, and wait as it is told."""
        id, heading = self.ids[name], ['n', 'e', 's', 'w'][number % 4]
        headers = {'Via': '1.1 school', 'X-Forwarded-For': '10.0.0.7'} if name == 'Nina' else None     # behind a proxy
        while not self.ended.is_set():
            for call in (f'move?heading={heading}&steps=5&', 'ping?', 'look?'):
                reply = self.say(f'/{call}id={id}&format=json', headers)
                if reply is not None and reply.status not in (200, 429, 503, 404):
                    self.wrong.append(f'{name} {call}: {reply}')
                if reply is not None and reply.status in (429, 503):
                    self.ended.wait(reply.json().get('wait_s', 1))
            self.ended.wait(1.5)

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)


def order_of(server, key):
    """order('freeze'): what the captain is answered."""
    return lambda order, /, **values: server.say(
        '/captain?' + urllib.parse.urlencode({'key': key, 'order': order, **values}), timeout=30)
