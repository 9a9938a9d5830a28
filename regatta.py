"""The regatta: a race round twelve marks, a new course every ten minutes. It never ends.

Pure functions, from the marks of a course to the points of a race:

    COURSE    number of the ten minutes -> twelve marks, the same for everybody
    TOUR      twelve marks -> a short way round all of them: the server's own, which sets the points
    RACE      a race and a straight leg -> the race after it: the marks left, finished or not
    POINTS    seconds -> points

Who calls them hands in the clock and the secret seed, and keeps what they answer. The words:
a mark is a place (x, y) in whole cells, and its number is its position in the course, 0 to 11;
mark 0 is start and finish. A way is measured in cells, across the seams where that is shorter.
A leg is a straight piece of a boat's way: from x0, y0 to x1, y1, at an even speed.
Moments are sea time, in seconds. Within reach of a mark is who is at most MARK_CELLS away.
"""
import dataclasses
import math
import random

WIDTH_CELLS, HEIGHT_CELLS = 600, 400     # once around the planet, eastward and northward
HULL_CELLS_PER_S = 10                    # how fast a boat is
EXPECT_PRICE = 0.8                       # what a move costs whose end was told beforehand
DIAGONAL = math.sqrt(2)                  # a diagonal cell costs its length, 1.41

COURSE_S = 600                           # how long a course is the course of now
MARKS = 12                               # how many marks a course has, start and finish included
MARK_GAP_CELLS = 20                      # no two marks of a course are nearer to each other
MARK_CELLS = 3                           # whoever is as near as this passes a mark
FINISH_S = 600                           # a race must be finished so long after its start
POINTS, POINTS_CAP = 200, 220            # for a race as short as the server's own, and at the most
BEST_COURSES = 9                         # so many courses of a game count, each boat's best
THROWN_TOURS = 50                        # of 1000 courses, without them 48 tours were not the best,
                                         # one by 3.7 %; with 20 of them one was not; with 50, none


def gap(start, end, size):
    """The signed shortest way from start to end around a ring of this size, in cells."""
    return (end - start + size / 2) % size - size / 2


def distance(x, y, there_x, there_y):
    """Cells between two places as the crow flies, the shortest way across the seams."""
    return math.hypot(gap(x, there_x, WIDTH_CELLS), gap(y, there_y, HEIGHT_CELLS))


# --- COURSE ---------------------------------------------------------------------------------------

def course_number(now):
    """The number of the course of now: the first ten minutes of an ocean are number 0."""
    return int(now // COURSE_S)


def course_ends_in(now):
    """Seconds until the next course."""
    return COURSE_S - now % COURSE_S


def course_marks(seed, number):
    """The twelve marks of a course. Who knows them cannot work out the seed, nor the next course:
    the dice are thrown from a hash of both."""
    dice = random.Random(f'course {number} {seed}')
    marks = []
    while len(marks) < MARKS:
        mark = dice.randrange(WIDTH_CELLS), dice.randrange(HEIGHT_CELLS)
        if all(distance(*mark, *other) >= MARK_GAP_CELLS for other in marks):
            marks.append(mark)
    return tuple(marks)


# --- TOUR -----------------------------------------------------------------------------------------

def rowing_cells(x, y, there_x, there_y):
    """What the shortest way costs a boat, in cells: it rows diagonally as far as that helps."""
    dx = abs(gap(x, there_x, WIDTH_CELLS))
    dy = abs(gap(y, there_y, HEIGHT_CELLS))
    return DIAGONAL * min(dx, dy) + abs(dx - dy)


def reference_tour(marks):
    """The server's own tour: the order of the marks, from mark 0, and its length in cells.

    Twelve tours that go on to the nearest mark, one from each, and fifty from the dice; each is
    untangled; the shortest of them is nearly always the shortest there is. It takes a few
    milliseconds and always comes out the same: ask once for each course, and keep the answer.
    """
    ways = [[rowing_cells(*here, *there) for there in marks] for here in marks]
    dice = random.Random('tour')
    tours = [nearest_tour(start, ways) for start in range(MARKS)]
    tours += [dice.sample(range(MARKS), MARKS) for _ in range(THROWN_TOURS)]
    best = min((untangle(tour, ways) for tour in tours), key=lambda tour: tour_cells(tour, ways))
    home = best.index(0)
    return tuple(best[home:] + best[:home]), tour_cells(best, ways)


def nearest_tour(start, ways):
    """From this mark always on to the nearest one left. `ways` are cells from mark to mark."""
    tour = [start]
    left = [mark for mark in range(len(ways)) if mark != start]
    while left:
        here = ways[tour[-1]]
        nearest = min(left, key=lambda mark: here[mark])
        tour.append(nearest)
        left.remove(nearest)
    return tour


def untangle(tour, ways):
    """2-opt: as long as sailing a stretch of the tour backwards makes it shorter, do so."""
    shorter = True
    while shorter:
        shorter = False
        for first in range(len(tour) - 2):
            for last in range(first + 2, len(tour)):
                if turning_gains(tour, first, last, ways):
                    tour[first + 1:last + 1] = reversed(tour[first + 1:last + 1])
                    shorter = True
    return tour


def turning_gains(tour, first, last, ways):
    """Would it be shorter to sail what lies behind `first`, up to `last`, the other way round?"""
    a, b = tour[first], tour[first + 1]
    c, d = tour[last], tour[(last + 1) % len(tour)]
    return ways[a][c] + ways[b][d] < ways[a][b] + ways[c][d] - 1e-9    # a tie gains nothing


def tour_cells(tour, ways):
    """The length of a tour, back to where it began, in cells."""
    return sum(ways[tour[number - 1]][mark] for number, mark in enumerate(tour))


def reference_seconds(cells):
    """What a tour takes a boat that always tells beforehand where its moves will end."""
    return EXPECT_PRICE * cells / HULL_CELLS_PER_S


# --- RACE -----------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Race:
    course: int                          # its number: the ten minutes in which the race began
    start: float                         # the moment its clock started
    left: tuple = tuple(range(1, MARKS))     # numbers of the marks that it has not passed yet
    finish: float | None = None          # the moment it was back at mark 0, all others passed


def is_over(race, now):
    """Is it finished, or too late to finish it?"""
    return race.finish is not None or now > race.start + FINISH_S


def race_seconds(race):
    """How long a finished race took, to a hundredth: what the table shows and the points follow."""
    return round(race.finish - race.start, 2)


def sail(race, marks, leg, began, ended):
    """The race after this leg (x0, y0, x1, y1), which the boat began and ended at these moments.

    Marks count wherever the leg passes them. The clock stops where the boat comes within reach
    of mark 0 again, which may be on the leg on which it passed the last of the others.
    """
    if is_over(race, began):
        return race
    passed = marks_passed(race, marks, leg)
    if passed:
        left = tuple(mark for mark in race.left if mark not in passed)
        race = dataclasses.replace(race, left=left)
    if race.left:
        return race
    home = passes_later(max(passed.values(), default=0.0), leg, marks[0])
    return race if home is None else finished(race, began + home * (ended - began))


def finished(race, moment):
    """The race with its clock stopped; unchanged where that comes too late."""
    return race if is_over(race, moment) else dataclasses.replace(race, finish=moment)


def marks_passed(race, marks, leg):
    """The marks, of those left, that this leg passes: {number: how far along the leg, 0 to 1}."""
    parts = {mark: passes(*leg, *marks[mark]) for mark in race.left}
    return {mark: part for mark, part in parts.items() if part is not None}


def passes(x0, y0, x1, y1, mark_x, mark_y):
    """How far along a leg, 0 to 1, the boat is first within reach of a mark; None if it never is.

    Seen from the mark, the boat goes from p to p + d; after a part t of the leg it is at p + t * d.
    It comes within reach where (p + t * d)² = MARK_CELLS²: an equation for t, in which d², -p * d
    and p² - MARK_CELLS² stand; the smaller solution is the answer.
    A leg is shorter than 190 cells: of a longer one nobody could say which way round it went.
    """
    px, py = gap(mark_x, x0, WIDTH_CELLS), gap(mark_y, y0, HEIGHT_CELLS)
    dx, dy = gap(x0, x1, WIDTH_CELLS), gap(y0, y1, HEIGHT_CELLS)
    outside = px * px + py * py - MARK_CELLS * MARK_CELLS
    towards = -(px * dx + py * dy)
    if outside <= 0:
        return 0.0                       # within reach from the beginning
    if towards <= 0:
        return None                      # it goes away from the mark, or stays where it is
    square = dx * dx + dy * dy
    under_the_root = towards * towards - square * outside
    if under_the_root < 0:
        return None                      # it would go past the mark, too far off
    part = (towards - math.sqrt(under_the_root)) / square
    return part if part <= 1 else None   # beyond 1 the leg ends before


def passes_later(part, leg, mark):
    """The same, but only what lies behind this part of the leg counts."""
    x0, y0, x1, y1 = leg
    x = x0 + part * gap(x0, x1, WIDTH_CELLS)
    y = y0 + part * gap(y0, y1, HEIGHT_CELLS)
    rest = passes(x, y, x1, y1, *mark)
    return None if rest is None else part + rest * (1 - part)


# --- POINTS ---------------------------------------------------------------------------------------

def points(reference_s, seconds):
    """For a course in so many seconds, of which the server's own tour takes reference_s."""
    return min(POINTS_CAP, round(POINTS * (reference_s / seconds) ** 2))


def game_points(courses):
    """What a boat's points for its courses are worth together: only the best ones count."""
    return sum(sorted(courses, reverse=True)[:BEST_COURSES])
