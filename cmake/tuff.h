/* tuff.h - all of Tuff but <tuff/vulkan.h>, which shows Vulkan types. <tuff/data.h> is of libtuff_data, the rest of libtuff. Public. */
#ifndef TUFF_TUFF_H
#define TUFF_TUFF_H

#include "backend/base.h"

#include "backend/backend.h"
#include "graph/graph.h"
#include "loaders/loaders.h"
#include "samples/data/data.h"

#endif
