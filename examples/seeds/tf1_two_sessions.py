# Mended: the second initializer was written tf.global_variables_initialzer.
import tensorcore.tf.compat.v1 as tf

a = tf.Variable(1, name='a')
b = tf.assign(a, a+1)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print('첫 번째 b =', sess.run(b))
    print('두 번째 b =', sess.run(b))
    
    #세션이 바뀌면 원래의 값으로 돌아가버림
    
with tf.Session() as sess:
    print('-- 새로운 세션 --')
    sess.run(tf.global_variables_initializer())
    print('첫 번째 b =', sess.run(b))
    print('두 번째 b =', sess.run(b))
    
