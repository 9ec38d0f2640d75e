/* graph.h - what to compute, and how to run and train it. Public; the whole of it is in the headers that it includes.
 *
 * A graph is built by calls that each add a value and return its handle (tuff_val). Shapes and types are inferred at
 * once. Builders are sticky: after the first failure every call returns 0 and does nothing, and tuff_graph_finish reports
 * that failure, so a model is written without a check per line. Shapes are row-major, axis 0 slowest, pictures NCHW.
 * A graph belongs to one thread at a time. */
#ifndef TUFF_GRAPH_H
#define TUFF_GRAPH_H

#include "graph/augment.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/metrics.h"
#include "graph/operators.h"
#include "graph/sequence.h"
#include "graph/session.h"
#include "graph/spatial.h"
#include "graph/train.h"
#include "graph/values.h"

#endif
