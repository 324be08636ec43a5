// The list of operator families: one line for each cpp/ops/<family>.cpp.
#include "ops/register_all.h"

namespace symbind {

void register_activation_ops();
void register_arg_reduce_ops();
void register_batch_norm_ops();
void register_box_ops();
void register_box_nms_ops();
void register_broadcast_binary_ops();
void register_cast_clip_ops();
void register_convolution_ops();
void register_copy_ops();
void register_correlation_ops();
void register_ctc_loss_ops();
void register_deformable_convolution_ops();
void register_dot_ops();
void register_dropout_ops();
void register_elemwise_binary_ops();
void register_embedding_ops();
void register_fully_connected_ops();
void register_gather_nd_ops();
void register_index_copy_ops();
void register_init_ops();
void register_join_split_ops();
void register_leaky_relu_ops();
void register_multibox_ops();
void register_multibox_target_ops();
void register_optimizer_update_ops();
void register_pad_ops();
void register_pooling_ops();
void register_proposal_ops();
void register_psroi_pooling_ops();
void register_random_ops();
void register_rearrange_ops();
void register_reduce_ops();
void register_regression_output_ops();
void register_reorder_ops();
void register_repeat_ops();
void register_reshape_ops();
void register_roi_align_ops();
void register_roi_pooling_ops();
void register_scalar_ops();
void register_sequence_ops();
void register_slice_ops();
void register_softmax_ops();
void register_softmax_output_ops();
void register_sort_ops();
void register_take_ops();
void register_transpose_ops();
void register_unary_math_ops();
void register_upsampling_ops();
void register_where_ops();

void register_all_ops() {
  static const bool once = [] {
    register_activation_ops();
    register_arg_reduce_ops();
    register_batch_norm_ops();
    register_box_ops();
    register_box_nms_ops();
    register_broadcast_binary_ops();
    register_cast_clip_ops();
    register_convolution_ops();
    register_copy_ops();
    register_correlation_ops();
    register_ctc_loss_ops();
    register_deformable_convolution_ops();
    register_dot_ops();
    register_dropout_ops();
    register_elemwise_binary_ops();
    register_embedding_ops();
    register_fully_connected_ops();
    register_gather_nd_ops();
    register_index_copy_ops();
    register_init_ops();
    register_join_split_ops();
    register_leaky_relu_ops();
    register_multibox_ops();
    register_multibox_target_ops();
    register_optimizer_update_ops();
    register_pad_ops();
    register_pooling_ops();
    register_proposal_ops();
    register_psroi_pooling_ops();
    register_random_ops();
    register_rearrange_ops();
    register_reduce_ops();
    register_regression_output_ops();
    register_reorder_ops();
    register_repeat_ops();
    register_reshape_ops();
    register_roi_align_ops();
    register_roi_pooling_ops();
    register_scalar_ops();
    register_sequence_ops();
    register_slice_ops();
    register_softmax_ops();
    register_softmax_output_ops();
    register_sort_ops();
    register_take_ops();
    register_transpose_ops();
    register_unary_math_ops();
    register_upsampling_ops();
    register_where_ops();
    return true;
  }();
  (void)once;
}

}  // namespace symbind
