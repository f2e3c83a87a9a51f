/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       What every generated package says about its model, so that an application serves any of them
 * @{
 */

#ifndef MSF_MODEL_H
#define MSF_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Gives `columns` pixels of input row `row`, from column `column` on, to `pixels`. */
typedef void (*msf_read_t)(void *context, uint32_t row, uint32_t column, uint32_t columns,
                           int8_t *pixels);

/** A model's input or output: HWC, real value = scale * (q - zero_point). */
typedef struct {
    uint16_t height;
    uint16_t width;
    uint16_t channels;
    int16_t zero_point;
    float scale;
} msf_tensor_t;

/** A generated model. */
typedef struct {
    const char *name;
    uint32_t arena_bytes; /**< what `invoke` needs at `arena`, aligned to 4 bytes */
    uint32_t input_bytes;
    uint32_t output_bytes;
    uint32_t stages;
    void *arena; /**< the package's own static buffer of arena_bytes */
    void (*invoke)(void *arena, const int8_t *input, int8_t *output);
    /** the same with rows of the input from `read`; NULL where the plan needs the input whole */
    void (*invoke_from)(void *arena, msf_read_t read, void *context, int8_t *output);
    msf_tensor_t input;
    msf_tensor_t output;
} msf_model_t;

/** Inputs of a model and the outputs that the reference computes for them. */
typedef struct {
    const msf_model_t *model;
    uint32_t count;
    const int8_t *inputs;  /**< count times model->input_bytes */
    const int8_t *outputs; /**< count times model->output_bytes */
    int8_t *result; /**< room for one output, in RAM: applications have no heap and know no size */
} msf_vectors_t;

#ifdef __cplusplus
}
#endif

#endif /* MSF_MODEL_H */
/** @} */
