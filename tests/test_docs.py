"""What the documents say is run: the route that docs/routes.md adds, with the test that it writes."""
import re

from conftest import ROOT, Inside


def blocks(page):
    """The Python examples of a page, in order."""
    return re.findall(r'```python\n(.*?)```', (ROOT / page).read_text(encoding='utf-8'), re.S)


def test_the_route_that_the_page_adds_works_as_the_page_says(tmp_path, monkeypatch):
    rule, line, test = blocks('docs/routes.md')
    source = (ROOT / 'mocean.py').read_text(encoding='utf-8')
    source = source.replace('# --- BADGES', rule + '\n\n# --- BADGES')
    source = source.replace('\nROUTES = [\n', '\nROUTES = [\n' + line)
    program = tmp_path / 'mocean_with_shout.py'
    program.write_text(source, encoding='utf-8')
    monkeypatch.syspath_prepend(str(tmp_path))
    shouting = Inside('mocean_with_shout', tmp_path)
    try:
        namespace = {}
        exec(test, namespace)
        namespace['test_a_shout_is_news'](shouting)
        usage = shouting('/mocean')
        assert '/shout: tell everybody, for one point' in usage and 'message=ahoy' in usage
        assert shouting('/openapi.json').json()['paths']['/shout']
    finally:
        shouting.close()


def test_every_link_of_the_documents_leads_to_a_file():
    for page in [*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md'), *(ROOT / 'clients').glob('*.md')]:
        for link in re.findall(r'\]\(([^)#\s]+)', page.read_text(encoding='utf-8')):
            assert '://' in link or (page.parent / link).exists(), f'{page.name} links to {link}'
