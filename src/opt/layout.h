/* What the layout pass knows of operators: which of them can work on channels-last tensors, what
 * that asks of their inputs and gives to their outputs, and how their attributes and operands
 * change. Used by layout.c alone. */
#ifndef HONE_OPT_LAYOUT_H
#define HONE_OPT_LAYOUT_H

#include "opt/edit.h"

#define HONE_LAYOUT_RANK_MIN 3
#define HONE_LAYOUT_RANK_MAX 5

typedef enum hone_layout_form {
    HONE_FORM_FIXED,    /* works on tensors as ONNX has them */
    HONE_FORM_FREE,     /* works on either, and its outputs are like its inputs */
    HONE_FORM_ENDS,     /* takes either; its outputs are the same in both */
    HONE_FORM_WANTS,    /* free, but channels last is much faster: convolutions */
    HONE_FORM_MAKES,    /* has no such input, but may write either: frame */
    HONE_FORM_TO_LAST,  /* a transpose from first to last: reads channels-last for nothing */
    HONE_FORM_TO_FIRST, /* a transpose from last to first: writes channels-last for nothing */
} hone_layout_form;

typedef enum hone_layout_inputs {
    HONE_INPUTS_FIRST_ONE, /* in[0] alone has the layout; the others are operands as they are */
    HONE_INPUTS_ALL,       /* all: concat */
    HONE_INPUTS_BROADCAST, /* all, and lower ranks and constants are fitted: pointwise */
} hone_layout_inputs;

typedef struct hone_layout_choice {
    hone_layout_form form;
    hone_layout_inputs inputs;
    bool joins; /* chooses as the producer of in[0] does: inner nodes of a pattern */
    void (*turn)(hone_node *node); /* makes attributes and operands those of channels last; NULL:
                                      nothing to do */
} hone_layout_choice;

hone_layout_choice hone_layout_choice_of(const hone_node *node);

/* Where axis `axis` of a rank-`rank` tensor is in channels last: 0, rank-1, 1, 2, ... */
static inline int hone_axis_in_last(int axis, int rank)
{
    return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}
void hone_perm_to_last(int rank, int *perm);
void hone_perm_to_first(int rank, int *perm);
static inline bool hone_rank_has_layout(int rank)
{
    return rank >= HONE_LAYOUT_RANK_MIN && rank <= HONE_LAYOUT_RANK_MAX;
}
hone_shape hone_shape_permuted(const hone_shape *shape, const int *perm);
/* Whether the permutation moves nothing but extents of 1: then it is a reshape. */
bool hone_moves_only_ones(const hone_shape *shape, const int *perm);

#endif
