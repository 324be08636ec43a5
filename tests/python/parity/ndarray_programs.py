"""Programs of one line about NDArray: statements, then an expression whose value is what matters.

`record_ndarray.py` writes their values under MXNet 1.9.1 to a file;
the tests compare those of symbind with it.
Left out is where MXNet answers a NumPy user with nonsense or an unrelated error, and symbind does as NumPy:
boolean masks of NumPy, `==` with None, `float(array)`, arrays of shape (0,).
"""

from __future__ import annotations

import ast
import warnings

import numpy as np


def arrays(mx):
    """What the programs find: a few arrays, and the packages."""
    array = mx.nd.array
    return {
        "mx": mx,
        "nd": mx.nd,
        "np": np,
        "a": array(np.arange(12).reshape(3, 4)),
        "b": array([[1, 2, 3, 4]]),
        "c": array(np.arange(24).reshape(2, 3, 4)),
        "v": array([1, 2, 3, 4]),
        "i": array([1, 2, 0], dtype="int32"),
        "u8": array([1, 200], dtype="uint8"),
        "f16": array([1.5, 2.5], dtype="float16"),
        "f64": array([1.5, 2.5], dtype="float64"),
    }


def plain(value, mx):
    """A value as JSON has them: arrays with dtype and shape."""
    if isinstance(value, mx.nd.NDArray):
        return {"NDArray": [plain(value.asnumpy(), mx), value.stype]}
    if isinstance(value, (np.ndarray, np.generic)):
        numbers = np.asarray(value, np.float64).round(5).ravel().tolist()
        return {type(value).__name__: [str(value.dtype), list(value.shape), numbers]}
    if isinstance(value, (list, tuple)):
        return [plain(v, mx) for v in value]
    return value


def run(program, mx):
    """The value of a program, or that it is an error."""
    body = ast.parse(program).body
    names = arrays(mx)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(ast.Module(body[:-1], []), "<program>", "exec"), names)
            return plain(eval(compile(ast.Expression(body[-1].value), "<program>", "eval"), names), mx)
        except Exception:
            return {"error": True}


PROGRAMS = """
a[1]
a[-1]
a[1:3]
a[1:1]
a[::2]
a[::-1]
a[1,2]
a[1,2].shape
a[:,1]
a[:,1:3]
a[...,1]
a[None]
a[:,None]
a[i]
a[[0,2]]
a[[0,2],[1,3]]
a[nd.array([0,2])]
a[np.array([0,2])]
a[:,[0,2]]
a[np.array([[0,1],[1,2]])]
a[a>5]
a[True]
a[5]
a[:,7]
a[1,2,3]
a[()]
a[...]
c[0,:,1]
c[0,[0,1],1]
c[:,[0,1],[1,2]]
c[[0,1],:,[1,2]]
c[1:,...,::2]
c[0,1:2,[1]]
c[nd.array([0,1],dtype='int32'),1]
a[np.int64(1)]
a[0:2,None,1]
a[1]=5; a
a[1:3]=5; a
a[:]=7; a
a[:]=np.arange(12).reshape(3,4)*2; a
a[:]=b; a
a[1]=b; a
a[1]=[1,2,3,4]; a
a[1]=np.arange(4); a
a[:,1]=9; a
a[:,1:3]=nd.array([[1,2]]); a
a[[0,2]]=3; a
a[i]=nd.ones((3,4)); a
a[[0,1],[1,2]]=-1; a
a[[0,1],[1,2]]=nd.array([-1,-2]); a
a[a>5]=0; a
a[1,2]=100; a
a[...]=1; a
a[::2]=1; a
a[::-1]=nd.array(np.arange(12).reshape(3,4)); a
a[0]=a[1]; a
a[1:1]=4; a
a[:]=nd.array([1,2,3]); a
c[0,:,1]=nd.array([1,2,3]); c
c[:,0]=nd.ones((2,4)); c
c[:,0]=nd.ones((1,2,4)); c
a[0]=np.float64(2.7); a
i[0]=2.7; i
i[:]=2.7; i
x=a[1]; x[:]=0; a
x=a[1:3]; x[0,0]=-5; a
x=a[:,1]; x[:]=-5; a
x=a[[0]]; x[:]=-5; a
x=a.reshape((4,3)); x[0]=-1; a
x=a.T; x[0]=-1; a
x=a.expand_dims(0); x[:]=0; a
x=a.flatten(); x[:]=0; a
x=a[0,1]; x[:]=77; a
x=a.detach(); x[:]=0; a
x=a.as_in_context(mx.cpu()); x[:]=0; a
x=a.as_in_context(mx.cpu(1)); x[:]=0; a
x=a.copy(); x[:]=0; a
x=a.astype('float32'); x[:]=0; a
x=a.astype('float32',copy=False); x[:]=0; a
x=a.reshape((-1,)); x+=1; a
x=a; x+=1; a
x=a; x+=b; a
x=a; x-=b; x*=2; x/=4; a
x=a; x%=3; a
x=a; x**=2; a
x=a; x//=2; a
x=i; x+=1.5; i
x=i; x/=2; i
x=b; x+=a; b
a+1
1+a
a-b
5-a
a*b
a/b
a/0
1/a
a%3
7%b
a%b
b**2
2**b
b**b
-a
abs(-a)
a>b
a>=5
a<5
5<a
a==a
a!=b
a is None
i+1
i+1.5
i*2.0
i/2
i/nd.array([2,2,2],dtype='int32')
i+a
i+nd.array([1,2,3],dtype='int64')
f16+1
f16*f64
f64*2
u8+100
u8*2
u8-2
i//2
a+np.ones((3,4))
a+np.float64(1)
np.float64(1)+a
np.float32(2)*a
np.ones((3,4))+a
a+np.array(3)
a+[1,2,3,4]
[1,2,3,4]+a
a+None
a+'x'
a&b
~a
a@nd.ones((4,2))
divmod(a,2)
bool(nd.array([1]))
bool(nd.array([0]))
bool(nd.array([]))
bool(a)
int(a)
len(a)
list(v)
[x.shape for x in a]
v.asscalar()
nd.array([3]).asscalar()
nd.array([3],dtype='int32').asscalar()
a.size
a.ndim
a.T
c.T
a.context==mx.cpu()
a.stype
hash(a)==hash(a)
a.shape
a[False:True]
a[0,True]
nd.array([1,2])
nd.array([[1,2],[3,4]],dtype='int32')
nd.array(np.array([1,2],dtype='float64'))
nd.array(np.array([1,2],dtype='int64'))
nd.array(nd.array([1],dtype='int8'))
nd.array([1.5],dtype=np.int32)
nd.array(np.array(['a']))
nd.array([[1],[2,3]])
nd.array([])
nd.array(np.zeros((0,3)))
nd.array((1,2))
nd.array([True,False])
nd.array(np.array([True]),dtype='bool')
nd.array(range(3))
nd.zeros(3)
nd.zeros((2,3),dtype='float16')
nd.zeros((2,),ctx=mx.cpu(1)).context==mx.cpu(1)
nd.ones((2,),dtype=np.int32)
nd.full((2,),3.5)
nd.full((2,),3.5,dtype='int32')
nd.full(2,True)
nd.empty((2,3)).shape
nd.arange(5)
nd.arange(1,5,2)
nd.arange(1,5,2,repeat=2)
nd.arange(5,dtype='int32')
nd.arange(0,1,0.3)
nd.arange(5,0,-2)
nd.linspace(0,1,5)
nd.linspace(0,1,5,endpoint=False)
nd.eye(3)
nd.eye(2,3,1)
nd.eye(3,dtype='int32')
nd.concatenate([a,a])
nd.concatenate([a,a],axis=1)
nd.concat(a,a,dim=1)
nd.concatenate([v])
nd.stack(v,v)
nd.stack(v,v,axis=1)
nd.moveaxis(c,0,2)
nd.moveaxis(c,[0,1],[1,0])
nd.onehot_encode(nd.array([1,0]),nd.zeros((2,3)))
nd.split(a,2,axis=1)
nd.split(a,num_outputs=4,axis=1,squeeze_axis=True)
nd.split_v2(a,2,axis=1)
nd.split_v2(a,(1,),axis=0)
a.split(2,axis=1)
nd.add(a,1)
nd.add(1,2)
nd.subtract(1,a)
nd.divide(a,b)
nd.true_divide(a,2)
nd.modulo(a,3)
nd.power(a,2)
nd.power(2,a)
nd.maximum(a,5)
nd.maximum(5,a)
nd.minimum(a,b)
nd.maximum(3,4)
nd.equal(a,3)
nd.greater(a,b)
nd.lesser_equal(1,a)
nd.logical_and(a,b)
nd.logical_xor(a,0)
nd.dot(a,b,transpose_b=True)
nd.dot(a.T,a)
nd.sum(a)
nd.sum(a,axis=1)
nd.sum(a,axis=(0,1))
nd.sum(a,axis=0,keepdims=True)
nd.sum(c,axis=1,exclude=True)
a.sum()
a.sum(axis=0)
a.sum(0)
a.mean()
a.mean(axis=1)
a.max()
a.max(axis=0)
a.min(1)
a.prod(axis=1)
a.norm()
a.norm(ord=1,axis=1)
a.argmax()
a.argmax(axis=1)
a.argmax(1)
a.argmin(axis=0)
a.argsort()
a.argsort(is_ascend=False)
a.sort(axis=0,is_ascend=False)
a.topk(k=2)
a.topk(k=2,ret_typ='value')
a.topk(k=2,ret_typ='both')
nd.argmax_channel(a)
a.clip(2,5)
a.clip(a_min=1,a_max=3)
nd.clip(a,2,5)
a.square()
a.sqrt()
a.log()
a.exp().shape
a.sigmoid()
a.relu()
a.softmax()
a.softmax(axis=0)
a.log_softmax()
a.abs()
a.sign()
a.round()
a.rint()
a.fix()
a.floor()
a.ceil()
a.trunc()
a.reshape(4,3)
a.reshape((2,-1))
a.reshape(-1)
a.reshape((0,-1))
c.reshape((-2,))
c.reshape((-3,0))
c.reshape((-4,1,2,0,0))
c.reshape((0,-4,-1,3,0))
c.reshape((-1,0),reverse=True)
c.reshape((6,5))
c.reshape(shape=(4,6))
nd.reshape(c,(4,6))
nd.reshape(c,shape=(0,0,-1))
a.flatten()
c.flatten()
a.expand_dims(1).shape
a.expand_dims(axis=-1).shape
a.squeeze().shape
nd.ones((1,3,1)).squeeze()
nd.ones((1,3,1)).squeeze(axis=0).shape
a.transpose()
a.transpose((1,0))
c.transpose((2,0,1)).shape
c.transpose(axes=(1,0,2)).shape
a.swapaxes(0,1)
c.swapaxes(0,2).shape
a.flip(axis=0)
a.flip(1)
nd.flip(a,axis=1)
a.tile((2,1))
a.tile(reps=(1,2))
a.repeat(2)
a.repeat(2,axis=0)
a.repeat(repeats=2,axis=1)
a.pad(mode='constant',pad_width=(0,0,0,0))
nd.ones((1,1,2,2)).pad(mode='constant',pad_width=(0,0,0,0,1,1,1,1),constant_value=5)
a.take(nd.array([0,2]))
a.take(nd.array([0,5]))
a.take(nd.array([1]),axis=1)
a.pick(nd.array([1,2,0]))
nd.pick(a,nd.array([1,2,0]),axis=1)
v.one_hot(5)
nd.one_hot(nd.array([0,2]),3)
nd.one_hot(nd.array([0,2]),depth=3,on_value=2,off_value=-1,dtype='int32')
a.slice(begin=(0,1),end=(2,3))
a.slice((0,1),(2,3))
a.slice_axis(axis=1,begin=1,end=3)
a.slice_axis(1,0,-1)
a.slice_axis(axis=0,begin=1,end=None)
a.slice_like(nd.zeros((2,2)))
a.broadcast_to((3,4)).shape
b.broadcast_to((3,4))
b.broadcast_to((5,3,4)).shape
b.broadcast_like(a)
nd.ones((2,1)).broadcast_to((2,0))
a.broadcast_axes(axis=0,size=2)
b.broadcast_axes(axis=0,size=2)
a.zeros_like()
a.ones_like()
nd.zeros_like(i)
nd.ones_like(f16)
a.shape_array()
a.size_array()
a.diag()
nd.ones((1,4,2,2)).depth_to_space(2).shape
a.astype('int32')
a.astype('bool')
nd.array([1.7,-1.7]).astype('int32')
nd.array([300.]).astype('uint8')
f16.astype('float64')
nd.cast(a,dtype='int32')
a.copyto(nd.zeros((3,4)))
a.copyto(nd.zeros((4,3)))
a.copyto(nd.zeros((3,4),dtype='int32'))
a.copyto(mx.cpu(1)).context==mx.cpu(1)
a.copyto(None)
a.tostype('default')
a.as_nd_ndarray() is a
a.wait_to_read()
nd.waitall()
a.handle is None
a.writable
nd.where(a>5,a,a*0)
nd.where(nd.array([1,0,1]),a,a*0)
nd.batch_dot(c,c,transpose_b=True).shape
nd.histogram(a,bins=4,range=(0,12))
nd.histogram(a,3)
nd.histogram(a,bins=nd.array([0,4,12]))
nd.sum(a,axis=5)
nd.nosuch
nd.sum(a,nosuch=1)
nd.concat(a,b,dim=1)
nd.elemwise_add(a,b)
nd.broadcast_add(a,b)
nd.add_n(a,a,a)
nd.ElementWiseSum(a,a)
nd.SliceChannel(a,num_outputs=2)
nd.Reshape(a,shape=(4,3))
nd.Flatten(c).shape
nd.Activation(a,act_type='relu')
nd.FullyConnected(a,nd.ones((2,4)),nd.zeros((2,)),num_hidden=2)
nd.FullyConnected(a,nd.ones((2,4)),num_hidden=2,no_bias=True)
nd.Concat(a,a,num_args=2,dim=0).shape
nd.BlockGrad(a)
nd.SoftmaxOutput(a,v)
nd.SoftmaxActivation(a)
nd.L2Normalization(a)
nd.choose_element_0index(a,nd.array([1,2,0]))
nd.fill_element_0index(a,nd.array([10,20,30]),nd.array([1,2,0]))
nd.smooth_l1(a,scalar=1)
nd.sum_axis(a,axis=1)
nd.norm(a)
nd.uniform(low=0,high=1,shape=(2,3)).shape
nd.normal(shape=(2,)).shape
nd.sgd_update(a,a*0+1,lr=0.1)
nd.sgd_mom_update(a,a*0+1,a*0,lr=0.1,momentum=0.9)
nd.sgd_update(a,a*0+1,lr=0.1,out=a); a
nd.broadcast_add(a,b,out=a); a
nd.square(a,out=a); a
nd.from_numpy(np.arange(3.0))
x=np.arange(3.0); y=nd.from_numpy(x); y[0]=9; x
x=np.arange(3.0); y=nd.from_numpy(x,zero_copy=False); y[0]=9; x
nd.from_numpy(np.arange(4.0)[::2])
nd.from_dlpack(nd.to_dlpack_for_read(a))
nd.from_dlpack(nd.to_dlpack_for_write(a))
nd.from_dlpack(a.to_dlpack_for_read())
x=nd.from_dlpack(a.to_dlpack_for_write()); x[:]=1; a
import pickle; pickle.loads(pickle.dumps(a))
import pickle; pickle.loads(pickle.dumps([f16,i]))
import copy; copy.deepcopy(a)
np.sum(a.asnumpy())
np.float32(3)*nd.ones((2,))
np.ones((2,))*nd.ones((2,))
isinstance(np.ones((2,4))+v, mx.nd.NDArray)
np.max(v)
max(v).asscalar()
sorted(v.asnumpy().tolist())
nd.ndarray.NDArray is nd.NDArray
nd.op.sum(a)
nd._internal._plus_scalar(a,scalar=1)
nd._internal._mul_scalar(a,2.0)
nd.contrib.MultiBoxPrior(nd.zeros((1,3,2,2)),sizes=[0.5],ratios=[1])
nd.linalg.gemm2(a,a,transpose_b=True)
nd.linalg_gemm2(a,a,transpose_b=True)
a.argmax_channel()
a.nansum()
a.slice_assign(nd.ones((1,4)),begin=(0,0),end=(1,4),step=(1,1))
a.slice_assign_scalar(5,begin=(0,0),end=(1,4),step=(1,1))
nd.reverse(a,axis=0)
nd.broadcast_axis(b,axis=0,size=2)
nd.cumsum(a,axis=0)
nd.gather_nd(a,nd.array([[0,1],[1,2]]))
nd.scatter_nd(nd.array([2,3]),nd.array([[1,0]]),shape=(3,))
nd.ravel_multi_index(nd.array([[1,0],[2,3]]),shape=(3,4))
nd.unravel_index(nd.array([6,3]),shape=(3,4))
nd.sample_uniform(nd.array([0,1]),nd.array([1,2]),shape=3).shape
(a/12).arccos()
a.arccosh()
(a/12).arcsin()
a.arcsinh()
a.arctan()
(a/13).arctanh()
a.cbrt()
a.cos()
a.cosh()
a.expm1().shape
a.log10()
a.log1p()
a.log2()
a.radians()
(a+1).rcbrt()
(a+1).reciprocal()
(a+1).rsqrt()
a.sin()
a.sinh().shape
(a/12).tan()
(a/12).tanh()
a.softmin()
a.nanprod()
a.prod()
a.reshape_like(nd.zeros((4,3)))
nd.ones((1,1,4,4)).space_to_depth(2).shape
a.split(num_outputs=2,axis=1,squeeze_axis=False)
a.split_v2(2,axis=1)
a.ctx==mx.cpu()
a.as_in_context(mx.cpu()) is a
a.astype('float64')/3
a.astype('int32')/2
a.astype('int32')%2
a.astype('int64')*2.5
i==1
i>nd.array([0,5,0],dtype='int32')
i-nd.array([5,5,5],dtype='int32')
u8+u8
u8/2
f16/3
f16*a[0,:2].astype('float16')
f64+f64
a+True
nd.array([1,2])*np.int32(3)
nd.array([1,2])*np.float16(3)
nd.add(i,i)
nd.multiply(u8,2)
nd.array([1,2],dtype='int32')*nd.array([1.5,2.5])
nd.array([1,2],dtype='int8')+1
nd.array([5,7],dtype='int32')**2
nd.array([-7,7],dtype='int32')%3
nd.array([-7.5,7.5])%2
nd.array([0,1],dtype='bool')+1
nd.array([1,0],dtype='bool')
nd.zeros((2,2))==nd.zeros((2,2))
nd.broadcast_greater(a,b)
nd.logical_not(a)
nd.logical_or(a,b*0)
a[1:2]*b
a[2]-a[1]
(a>3)*a
nd.sum(a>3)
a[:,1].sum()
a[1].mean().asscalar()
(a*2)[1:].max(axis=1)
nd.concat(*[x.expand_dims(0) for x in a],dim=0)
nd.array([x.asscalar() for x in v])
nd.stack(*[v,v*2])
a.argmax(axis=1).astype('int32')
[int(x) for x in a.argmax(axis=1).asnumpy()]
a.asnumpy().tolist()
a[a.argmax(axis=1)]
nd.sum(nd.abs(a-5)).asscalar()
nd.mean(a,axis=(0,),exclude=True)
nd.max(c,axis=(1,2))
nd.argmax(c,axis=1,keepdims=True)
nd.topk(a,k=1,axis=0,ret_typ='mask')
nd.sort(a,is_ascend=0)
nd.transpose(c,axes=(0,2,1))
nd.swapaxes(c,1,2).shape
nd.SwapAxis(c,dim1=0,dim2=2).shape
nd.slice(a,begin=(1,None),end=(None,2))
nd.slice(a,begin=(None,3),end=(None,0),step=(None,-1))
nd.crop(a,begin=(0,0),end=(2,2))
nd.take(a,nd.array([[0,1],[2,0]])).shape
nd.take(a,nd.array([3]),mode='wrap')
nd.batch_take(a,nd.array([0,1,2],dtype='int32'))
nd.Embedding(nd.array([0,2]),a,input_dim=3,output_dim=4)
nd.SequenceMask(c,nd.array([1,2,1]),use_sequence_length=True,value=-1)
nd.tile(v,reps=(2,2))
nd.expand_dims(v,axis=0)
nd.squeeze(b)
nd.identity(v)
nd.full((2,),1e10)
nd.arange(0,3,dtype='float64')
nd.zeros_like(a.astype('int32'))
x=nd.zeros((2,3)); x[0]=nd.array([1,2,3]); x[1]=np.array([4,5,6]); x
x=nd.zeros((2,3)); x[:,0]=[7,8]; x
x=nd.zeros((2,2,2)); x[0,1]=3; x[1,:,0]=4; x
x=nd.zeros((3,)); x[0:2]+=1; x
x=nd.zeros((3,4)); x[1]+=v; x[2]-=v; x
x=nd.zeros((3,4)); x[:]=v.reshape((1,4)); x
x=nd.ones((2,2)); y=x; y+=1; x
x=nd.ones((2,2)); y=x; y=y+1; x
x=nd.ones((4,)); x[1:3]=x[1:3]*5; x
x=nd.ones((4,)); x[nd.array([0,3])]=0; x
x=nd.array([3,1,2]); x[x.argsort()]
x=a.copy(); x[1:2,2:4]=nd.array([[8,9]]); x
a.copyto(b)
v.copyto(nd.zeros((4,),dtype='float64'))
nd.array([np.nan,1])==nd.array([np.nan,1])
nd.array([np.inf,1]).sum()
nd.maximum(a,b*5)
nd.minimum(3,a)
""".strip().splitlines()
