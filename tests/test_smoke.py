def test_first_minutes(say):
    id, name, x, y, z = say('/join?name=ada').split(',')
    for heading, (dx, dy) in {'n': (0, 1), 'southwest': (-1, -1)}.items():
        a = say(f'/location?id={id}').split(',')
        b = say(f'/move?id={id}&heading={heading}').split(',')
        assert [(int(b[0]) - int(a[0])) % 600, (int(b[1]) - int(a[1])) % 400] == [dx % 600, dy % 400]
    for route in 'look location velocity inventory log popchat name'.split():
        reply = say(f'/{route}?id={id}')
        assert reply.status == 200, reply
        assert say(f'/{route}?id={id}&format=json').json() is not None
    for path in ('/who', '/score', '/news', '/health', '/chart', '/openapi.json', '/mocean', '/mocean?usage=brief', '/mocean?client=browser'):
        assert say(path).status == 200, path
    for path in ('/accel?ctrl=w', '/accel?ctrl=a', '/stop?', '/dive?ctrl=f', '/dive?direction=up', '/ping?', '/get?item=treasure', '/get?item=whale', '/use?item=ROV', '/teleport?x=1&y=2', '/sendchat?name=all&message=hi', '/quit?'):
        reply = say(f'{path}&id={id}')
        print(path, reply.status, reply)
        assert reply.status in (200, 409), reply
