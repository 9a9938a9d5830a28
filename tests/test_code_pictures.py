"""The pictures of docs/code.md: from the address on the wall to a robot that a student has changed.

    MOCEAN_PICTURES=1 pytest tests/test_code_pictures.py

paints them anew. Without it the same way is gone, and the pictures go into a folder that is thrown away.
"""
import os

import pytest
from browser import IMAGES
from conftest import poll
from desk import Desk
from test_code import browser, map_of, sea  # noqa: F401  the fixtures
from test_map_pictures import keep

pytestmark = pytest.mark.browser
CLASS = ['grace', 'hedy', 'mary', 'tim']


@pytest.fixture
def show(tmp_path):
    folder = IMAGES if os.environ.get('MOCEAN_PICTURES') else tmp_path
    return lambda page, name: keep(page.screenshot(), folder / f'code_{name}.png')


def sail(sea, names):  # noqa: F811
    """A class that is under way already."""
    for number, name in enumerate(names):
        id = sea(f'/join?name={name}').split(',')[0]
        for heading in ('ne', 'e', 'se', 'e')[number:] + ('ne',):
            sea(f'/move?id={id}&heading={heading}&steps=7')
            sea(f'/ping?id={id}')


def test_from_the_wall_to_a_robot_of_ones_own(browser, sea, show):  # noqa: F811
    """Two clicks from the address on the wall to a moving boat; three more to a robot, changed by a few keys."""
    sail(sea, CLASS)
    context = browser.new_context(viewport={'width': 1366, 'height': 768}, color_scheme='light')
    page = context.new_page()
    desk = Desk(page.evaluate)
    clicks = []

    def click(words):
        clicks.append(words)
        page.get_by_role('button', name=words).or_(page.get_by_role('link', name=words)).first.click()

    page.goto(f'http://club.test:{sea.port}/join?name=ada')
    show(page, 'join')
    click('Write a program')
    page.wait_for_url('**/code**')
    desk.ready()
    desk.until("document.querySelector('#text').value.includes('heading')")
    id = page.locator('#own-id').inner_text()
    assert id in desk.program
    beside = map_of(page)
    poll(lambda: beside.evaluate("window.mocean?.places.has('ada')"), 20)
    before = sea(f'/location?id={id}')
    click('Run')
    assert desk.done().splitlines()[-1] == ','.join(sea(f'/location?id={id}').split(',')[:3])
    assert sea(f'/location?id={id}') != before and len(clicks) == 2
    there = [int(number) for number in sea(f'/location?id={id}').split(',')[:2]]
    poll(lambda: beside.evaluate("([x, y]) => { const boat = mocean.places.get('ada'), cell = mocean.chart.place(x, y);"
                                 " return boat && Math.hypot(boat.x - cell.x, boat.y - cell.y) < 1 }", there), 20)
    show(page, 'first')

    click('survey_robot')
    desk.until("mocean.programs.open === 'survey_robot'")
    page.locator('#text').evaluate("""text => {
        const at = text.value.indexOf("heading='east'") + 9;
        text.focus(); text.setSelectionRange(at, at + 4); }""")
    page.keyboard.type('north')
    assert "heading='north'" in desk.program
    click('Run')
    desk.saying('4: at')
    poll(lambda: beside.evaluate("window.mocean?.places.has('ada')"), 20)
    show(page, 'robot')
    click('Stop')
    assert 'Stopped' in desk.done()

    desk.begin(desk.program.replace("depth = ask('ping'", "depth = ask('pnig'"), 'survey_robot')
    assert '/pnig' in desk.done()
    show(page, 'refused')
    desk.run('for cell in range(3):\n    print("cell", cel)\n', name='mine')
    show(page, 'error')
    desk.run('import turtle\n\nturtle.speed(0)\nturtle.shape("turtle")\nturtle.pencolor("#0a5c7d")\n\n'
             'for side in range(60):\n    turtle.forward(3 * side)\n    turtle.left(89)\n', name='spiral')
    show(page, 'turtle')
    page.set_viewport_size({'width': 390, 'height': 844})
    show(page, 'phone')
    context.close()
