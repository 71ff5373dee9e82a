# Mended: the second run was written sess.run[c ,a].
import tensorcore.tf.compat.v1 as tf


a = tf.Variable(1, name='a')
b = tf.constant(1, name='b')
c = tf.assign(a, a+b) 

# tf. assign은 값을 대입하고 대입한 결과를 돌려주는 조작을 함
# 여기서는 a에 a+b의 값을 대입하고, 대입 후 a의 값을 반환한다는 조작이 됨.

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer()) #변수 초기화 작업
    print('첫 번째: [c, a] =', sess.run([c ,a]))
    
    #변수 c가 갱신된다
    print('두 번째: [c, a] =', sess.run([c ,a]))

    #sess.run이 호출될 때마다 c와 a가 갱신되고 있는 것을 알 수있음
