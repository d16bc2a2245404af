/* Minimum cut by Dinic's algorithm: breadth-first levels, then blocking flows by a depth-first walk
 * with its own stack. The one idea: two-sided choices whose costs are pairwise and never reward
 * being apart are exactly a cut, so the best of all 2^n choices is found, not guessed. Graphs here
 * are nearly chains: a few thousand variables take a millisecond. */
#include "opt/cut.h"

typedef struct arc {
    int to;
    int next; /* of the same vertex, or -1 */
    double room;
} arc;

typedef struct vertex {
    int first; /* arc */
    int now;   /* arc that the blocking flow has got to */
    int level;
} vertex;

struct hone_cut {
    hone_arena *arena;
    HONE_VEC(vertex) vertices; /* 0: all that is true, 1: all that is false; variables from 2 */
    HONE_VEC(arc) arcs;        /* arc i goes against arc i ^ 1 */
};

enum {
    TRUE_SIDE,
    FALSE_SIDE
};

static int add_vertex(hone_cut *c)
{
    *hone_vec_push(c->arena, &c->vertices) = (vertex){.first = -1};
    return c->vertices.n - 1;
}

hone_cut *hone_cut_create(hone_arena *arena)
{
    hone_cut *c = hone_arena_alloc(arena, sizeof *c);
    c->arena = arena;
    add_vertex(c);
    add_vertex(c);
    return c;
}

int hone_cut_variable(hone_cut *cut)
{
    return add_vertex(cut);
}

static void add_arc(hone_cut *c, int from, int to, double room)
{
    *hone_vec_push(c->arena, &c->arcs) = (arc){to, c->vertices.v[from].first, room};
    c->vertices.v[from].first = c->arcs.n - 1;
    *hone_vec_push(c->arena, &c->arcs) = (arc){from, c->vertices.v[to].first, 0};
    c->vertices.v[to].first = c->arcs.n - 1;
}

void hone_cut_if_true(hone_cut *cut, int variable, double cost)
{
    add_arc(cut, variable, FALSE_SIDE, cost);
}

void hone_cut_if_false(hone_cut *cut, int variable, double cost)
{
    add_arc(cut, TRUE_SIDE, variable, cost);
}

void hone_cut_if_apart(hone_cut *cut, int a, int b, double cost)
{
    add_arc(cut, a, b, cost);
}

/* Numbers the vertices by their distance from the true side along arcs with room; false if the
 * false side is out of reach. */
static bool find_levels(hone_cut *c, int *queue)
{
    int head = 0, tail = 0;

    for (int i = 0; i < c->vertices.n; i++)
        c->vertices.v[i].level = -1;
    c->vertices.v[TRUE_SIDE].level = 0;
    queue[tail++] = TRUE_SIDE;
    while (head < tail) {
        const int v = queue[head++];
        for (int i = c->vertices.v[v].first; i >= 0; i = c->arcs.v[i].next) {
            vertex *to = &c->vertices.v[c->arcs.v[i].to];
            if (c->arcs.v[i].room > 0 && to->level < 0) {
                to->level = c->vertices.v[v].level + 1;
                queue[tail++] = c->arcs.v[i].to;
            }
        }
    }
    return c->vertices.v[FALSE_SIDE].level >= 0;
}

/* Pushes as much as the path of `depth` arcs lets through; returns it, and in *depth how much of
 * the path is still open. */
static double push(hone_cut *c, const int *path, int *depth)
{
    double least = c->arcs.v[path[0]].room;
    int keep = *depth;

    for (int i = 1; i < *depth; i++)
        least = HONE_MIN(least, c->arcs.v[path[i]].room);
    for (int i = *depth - 1; i >= 0; i--) {
        c->arcs.v[path[i]].room -= least;
        c->arcs.v[path[i] ^ 1].room += least;
        if (c->arcs.v[path[i]].room <= 0)
            keep = i;
    }
    *depth = keep;
    return least;
}

static int vertex_at(const hone_cut *c, const int *path, int depth)
{
    return depth == 0 ? TRUE_SIDE : c->arcs.v[path[depth - 1]].to;
}

static double push_all(hone_cut *c, int *path)
{
    double flow = 0;
    int depth = 0;

    for (int i = 0; i < c->vertices.n; i++)
        c->vertices.v[i].now = c->vertices.v[i].first;
    for (;;) {
        const int at = vertex_at(c, path, depth);
        vertex *v = &c->vertices.v[at];
        if (at == FALSE_SIDE) {
            flow += push(c, path, &depth);
            continue;
        }
        while (v->now >= 0 && !(c->arcs.v[v->now].room > 0 &&
                                c->vertices.v[c->arcs.v[v->now].to].level == v->level + 1))
            v->now = c->arcs.v[v->now].next;
        if (v->now >= 0) {
            path[depth++] = v->now;
        } else if (depth > 0) {
            depth--; /* a dead end: the arc to it is done with */
            const int before = vertex_at(c, path, depth);
            c->vertices.v[before].now = c->arcs.v[c->vertices.v[before].now].next;
        } else {
            return flow;
        }
    }
}

/* Marks, by level, the vertices from which the false side can still be reached; all others can be
 * true at the same cost. */
static void find_sides(hone_cut *c, int *queue)
{
    int head = 0, tail = 0;

    for (int i = 0; i < c->vertices.n; i++)
        c->vertices.v[i].level = -1;
    c->vertices.v[FALSE_SIDE].level = 0;
    queue[tail++] = FALSE_SIDE;
    while (head < tail) {
        const int v = queue[head++];
        for (int i = c->vertices.v[v].first; i >= 0; i = c->arcs.v[i].next) {
            vertex *from = &c->vertices.v[c->arcs.v[i].to];
            if (c->arcs.v[i ^ 1].room > 0 && from->level < 0) {
                from->level = 0;
                queue[tail++] = c->arcs.v[i].to;
            }
        }
    }
}

double hone_cut_solve(hone_cut *cut)
{
    int *room = hone_arena_array(cut->arena, (size_t)cut->vertices.n, sizeof *room);
    double flow = 0;

    while (find_levels(cut, room))
        flow += push_all(cut, room);
    find_sides(cut, room);
    return flow;
}

bool hone_cut_is_true(const hone_cut *cut, int variable)
{
    return cut->vertices.v[variable].level < 0;
}
